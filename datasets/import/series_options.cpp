#include "datasets/import/series_options.h"

#include <algorithm>
#include <map>

#include "core/error.h"
#include "core/toml_path.h"
#include "datasets/import/calendar_fields.h"
#include "datasets/import/time_step.h"
#include "datasets/io/time_format.h"

namespace cohort::datasets {
namespace {

bool is_among(const std::vector<std::string>& names, const std::string& name) {
  return std::find(names.begin(), names.end(), name) != names.end();
}

/// What a check has to say of a text, as a rule of options wants it.
template <class Check>
std::string message_of(Check check) {
  try {
    check();
  } catch (const core::Error& error) {
    return error.message();
  }
  return {};
}

std::string borders_problem(const SeriesOptions& options) {
  if (!options.borders) return {};
  const TimeFormat format(options.time_format);
  int64_t last = INT64_MIN;
  for (const std::string* text : {&options.borders->train_until, &options.borders->valid_until, &options.borders->test_until}) {
    if (text->empty()) continue;
    int64_t time = 0;
    if (!format.parse(*text, time)) return core::toml_string(*text) + " is not a time of the column's format";
    if (time <= last) return "the borders don't ascend";
    last = time;
  }
  return {};
}

/// Gives a column its kind; what the options say of it otherwise stays.
void set_kind(SeriesOptions& options, const std::string& name, const std::string& kind, core::Diagnostics& diagnostics) {
  ColumnOptions& column = options.columns[name];
  const std::string path = "columns." + core::toml_key(name);
  if (!column.kind.empty() && column.kind != kind) {
    diagnostics.error(path + ".kind", "in a series this column is " + kind, "leave its kind out");
  }
  if (!column.clip_quantiles.empty()) {
    diagnostics.error(path + ".clip_quantiles",
                      "the channels of a series are not clipped at quantiles: those of the whole would tell of the future",
                      "clip at fixed bounds: clip_min, clip_max");
  }
  if (column.min_count > 1) diagnostics.error(path + ".min_count", "rare series can't become one", "leave it out");
  if (kind == "dense" && column.dtype == "float64")
    diagnostics.error(path + ".dtype", "the channels of a series are stored as float32", "leave the dtype out");
  column.kind = kind;
}

}  // namespace

void SeriesLabelOptions::describe(core::Describe<SeriesLabelOptions>& d) {
  d.field("channel", &SeriesLabelOptions::channel, "the channel that is to be predicted").required().non_empty();
  d.field("step", &SeriesLabelOptions::step, "which step of the horizon, from 1").min(1);
  d.field("take", &SeriesLabelOptions::take, "the value at `step`, or the sum or mean over the whole horizon")
      .one_of({"step", "sum", "mean"});
  d.field("name", &SeriesLabelOptions::name, "the column's name in the dataset").non_empty();
}

void SeriesBorderOptions::describe(core::Describe<SeriesBorderOptions>& d) {
  d.field("train_until", &SeriesBorderOptions::train_until, "steps before this time are to be learned from; written as the time column is")
      .required()
      .non_empty();
  d.field("valid_until", &SeriesBorderOptions::valid_until, "then steps before this one are for validation; \"\": none are");
  d.field("test_until", &SeriesBorderOptions::test_until, "then steps before this one are for the test; \"\": all that are left");
}

void SeriesCalendarOptions::describe(core::Describe<SeriesCalendarOptions>& d) {
  d.field("fields", &SeriesCalendarOptions::fields, "any of minute, hour, weekday, day, day_of_year, week, month, quarter, weekend")
      .unique();
  d.field("encoding", &SeriesCalendarOptions::encoding, "as categories, or on a circle as a sine and a cosine")
      .one_of({"categorical", "cyclic"});
  d.field("origin", &SeriesCalendarOptions::origin, "columns for the origin, the last step of the look-back");
  d.field("horizon", &SeriesCalendarOptions::horizon, "sequences FIELD_next for the steps of the horizon");
  d.rule(
      "fields",
      [](const SeriesCalendarOptions& o) -> std::string {
        for (const std::string& field : o.fields) {
          if (calendar_field(field) == calendar_fields().size()) return core::toml_string(field) + " is no field of the calendar";
        }
        return {};
      },
      "the fields are minute, hour, weekday, day, day_of_year, week, month, quarter, weekend");
}

void SeriesOptions::describe(core::Describe<SeriesOptions>& d) {
  const auto at = []<class Member>(Member ImportOptions::* member) { return static_cast<Member SeriesOptions::*>(member); };
  d.field("time", &SeriesOptions::time, "the column of times").required().non_empty();
  d.field("time_format", &SeriesOptions::time_format, "iso8601 (\"\"), unix_s, unix_ms, or a pattern such as \"%d.%m.%Y %H:%M\"");
  d.field("step", &SeriesOptions::step, "the spacing: a number and s, min, h, d, w, mo or y, such as \"15min\"").required().non_empty();
  d.field("ids", &SeriesOptions::ids, "the columns that tell one series from another; none: the file is one series").unique();
  d.field("channels", &SeriesOptions::channels, "the columns of values; none given takes all that nothing else names").unique();
  d.field("known", &SeriesOptions::known, "columns of values that are known ahead, such as promotions: the horizon's become features too")
      .unique();
  d.field("targets", &SeriesOptions::targets, "the channels whose horizon is to be predicted; none given takes all").unique();
  d.field("target_sequences", &SeriesOptions::target_sequences, "whether the targets are stored as sequences CHANNEL_next");
  d.field("look_back", &SeriesOptions::look_back, "steps of history in a window, the origin included")
      .required()
      .min(1)
      .max(1 << 20)
      .unit("steps");
  d.field("horizon", &SeriesOptions::horizon, "steps after the origin").required().min(1).max(1 << 20).unit("steps");
  d.field("stride", &SeriesOptions::stride, "from one window's origin to the next, counted back from the end of the series or border")
      .min(1)
      .unit("steps");
  d.field("gaps", &SeriesOptions::gaps,
          "a step without a row or without a value: fail ends the import, skip leaves out the windows that touch it, forward (the last "
          "value), zero and "
          "interpolate (between its neighbours) fill it")
      .one_of({"fail", "skip", "forward", "zero", "interpolate"});
  d.field("max_gap", &SeriesOptions::max_gap, "longer gaps aren't filled: windows that touch one are left out; 0 fills gaps of any length")
      .min(0)
      .unit("steps");
  d.field("repeated", &SeriesOptions::repeated,
          "rows of one series at the same time: fail ends the import, the first row counts, or their sum")
      .one_of({"fail", "first", "sum"});
  d.table("label", &SeriesOptions::label, "a number a window that is to be predicted");
  d.table("borders", &SeriesOptions::borders, "times between train, valid and test; makes the column `split`");
  d.table("calendar", &SeriesOptions::calendar, "features of the calendar");
  d.field("missing", at(&ImportOptions::missing), "texts that stand for a missing value in any column").unique();
  d.field("on_error", at(&ImportOptions::on_error),
          "a value that can't be read, a row without its time or series: fail ends the import, drop leaves the row out, missing takes the "
          "value for missing")
      .one_of({"fail", "drop", "missing"});
  d.table("csv", at(&ImportOptions::csv), "how the files are written");
  d.named_tables("columns", at(&ImportOptions::columns),
                 "more about columns, by their names in the input: missing, sentinels, clip_min, clip_max, rename; dtype of ids");
  d.tables("join", at(&ImportOptions::join), "tables joined to the rows by a key");
  d.tables("inputs", at(&ImportOptions::inputs), "input files by part, where the command line names none");
  d.table("privacy", at(&ImportOptions::privacy), "pseudonyms, values of few persons, and the scan for personal data");
  d.table("store", at(&ImportOptions::store), "how the dataset is written");
  d.rule(
      "step", [](const SeriesOptions& o) { return o.step.empty() ? "" : message_of([&] { TimeStep step(o.step); }); },
      "such as \"15min\", \"1h\", \"1d\", \"1mo\"");
  d.rule("time_format", [](const SeriesOptions& o) { return message_of([&] { TimeFormat format(o.time_format); }); });
  d.rule(
      "borders",
      [](const SeriesOptions& o) {
        const std::string format = message_of([&] { TimeFormat checked(o.time_format); });
        return format.empty() ? borders_problem(o) : "";
      },
      "write them as the time column is written, each after the one before");
  d.rule(
      "label",
      [](const SeriesOptions& o) -> std::string {
        return o.label && o.label->step > o.horizon ? "the label's step lies beyond the horizon" : "";
      },
      "steps count from 1 to horizon");
  d.rule(
      "target_sequences",
      [](const SeriesOptions& o) -> std::string {
        return !o.target_sequences && !o.label ? "a window without a label and without target sequences has nothing to predict" : "";
      },
      "add a [label] table");
}

void complete_series_options(SeriesOptions& options, const std::vector<std::string>& names, core::Diagnostics& diagnostics) {
  std::map<std::string, std::string> roles;
  const auto claim = [&](const std::string& path, const std::string& name, const std::string& kind) {
    if (!is_among(names, name)) {
      const std::string guess = core::did_you_mean(name, names);
      std::string remedy = guess.empty() ? "the input's columns are " + core::toml_string(names.empty() ? "" : names.front()) + " …"
                                         : "did you mean \"" + guess + "\"?";
      if (path.starts_with("channels") && guess.empty())
        remedy = "a file without the values to predict makes no windows: import one that has them";
      diagnostics.error(path, "the input has no column " + core::toml_string(name), remedy);
      return;
    }
    const auto [place, fresh] = roles.emplace(name, path);
    if (!fresh) {
      diagnostics.error(path, "column " + core::toml_string(name) + " is named by " + place->second + " already", "a column has one use");
      return;
    }
    set_kind(options, name, kind, diagnostics);
  };
  const auto claim_all = [&](const std::string& key, const std::vector<std::string>& list, const std::string& kind) {
    for (std::size_t i = 0; i < list.size(); ++i) claim(key + "[" + std::to_string(i) + "]", list[i], kind);
  };
  claim("time", options.time, "time");
  claim_all("ids", options.ids, "categorical");
  claim_all("known", options.known, "dense");
  if (options.channels.empty()) {
    for (const std::string& name : names) {
      if (!roles.contains(name)) options.channels.push_back(name);
    }
    if (options.channels.empty()) {
      diagnostics.error("channels", "the input has no column of values besides time and ids",
                        "a file without the values to predict makes no windows");
    }
  }
  claim_all("channels", options.channels, "dense");
  if (roles.contains(options.time)) options.columns[options.time].format = options.time_format;
  if (options.targets.empty()) options.targets = options.channels;
  const auto need_channel = [&](const std::string& path, const std::string& name) {
    if (is_among(options.channels, name)) return;
    const std::string guess = core::did_you_mean(name, options.channels);
    diagnostics.error(path, core::toml_string(name) + " is no channel",
                      guess.empty() ? "name one of the channels" : "did you mean \"" + guess + "\"?");
  };
  for (std::size_t i = 0; i < options.targets.size(); ++i) need_channel("targets[" + std::to_string(i) + "]", options.targets[i]);
  if (options.label) need_channel("label.channel", options.label->channel);
  for (const auto& [name, column] : options.columns) {
    if (is_among(names, name) && !roles.contains(name)) {
      diagnostics.key_error("columns." + core::toml_key(name), "column " + core::toml_string(name) + " is not used",
                            "name it in channels, known or ids");
    }
  }
  for (const std::string& name : names) {
    if (!roles.contains(name)) options.drop.push_back(name);
  }
}

}  // namespace cohort::datasets
