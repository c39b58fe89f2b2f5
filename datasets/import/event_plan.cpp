#include "datasets/import/event_plan.h"

#include <algorithm>
#include <cmath>

#include "core/error.h"
#include "core/toml_path.h"
#include "datasets/import/entity_columns.h"
#include "datasets/import/group_checks.h"
#include "datasets/io/time_format.h"

namespace cohort::datasets {
namespace {

Column dense_column(const std::string& name) {
  Column column;
  column.name = name;
  return column;
}

}  // namespace

EventWindows event_windows(const EventsOptions& options, core::Diagnostics& diagnostics) {
  const WindowOptions& window = options.window;
  EventWindows windows;
  const TimeFormat iso("iso8601");
  for (std::size_t i = 0; i < window.cuts.size(); ++i) {
    int64_t cut = 0;
    if (!iso.parse(window.cuts[i], cut)) {
      diagnostics.error("window.cuts[" + std::to_string(i) + "]", core::toml_string(window.cuts[i]) + " is no time",
                        "write it as YYYY-MM-DD or YYYY-MM-DD HH:MM:SS, in UTC or with a zone");
    }
    windows.cuts.push_back(cut);
  }
  // Durations were checked where they were read.
  if (!window.observe.empty()) windows.observe = duration_seconds(window.observe);
  if (!options.active_within.empty()) windows.active_within = duration_seconds(options.active_within);
  windows.gap = duration_seconds(window.gap).value_or(0);
  windows.predict = duration_seconds(window.predict).value_or(0);
  if (windows.observe == 0) diagnostics.error("window.observe", "nothing is observed", "take a longer duration, or leave it out");
  if (!options.label.empty() && windows.cuts.empty()) {
    diagnostics.error("label", "labels need a time that divides what is known from what is predicted", "set window.cuts");
  }
  if (!options.label.empty() && windows.predict == 0) diagnostics.error("label", "labels need a prediction window", "set window.predict, such as \"90d\"");
  if (options.label.empty() && windows.predict > 0) {
    diagnostics.error("window.predict", "there is a prediction window, but no label made of it", "add a table [label.NAME], or leave it out");
  }
  for (std::size_t i = 1; i < windows.cuts.size(); ++i) {
    const std::string path = "window.cuts[" + std::to_string(i) + "]";
    if (windows.cuts[i] <= windows.cuts[i - 1]) {
      diagnostics.error(path, "cuts come in ascending order", "sort them");
    } else if (!window.overlap && windows.cuts[i] - windows.cuts[i - 1] < windows.predict) {
      diagnostics.error(path, "its prediction window overlaps that of the cut before: an event would count in two labels",
                        "put the cuts at least " + window.predict + " apart, or set window.overlap = true");
    }
  }
  return windows;
}

std::optional<std::size_t> EventPlan::coded(const Schema& schema, const std::string& name, const std::string& path, core::Diagnostics& diagnostics) const {
  const auto column = find_column(schema, name, path, diagnostics);
  if (column && schema.columns[*column].kind != Kind::kCategorical) {
    diagnostics.error(path, "column " + core::toml_string(name) + " is of kind " + to_string(schema.columns[*column].kind) + ", not categorical", "set its kind to categorical");
  }
  return column;
}

EventPlan::EventPlan(const EventsOptions& options, const Schema& rows, EventWindows windows, core::Diagnostics& diagnostics)
    : columns_(rows, options.derive, diagnostics), windows_(std::move(windows)) {
  const Schema& schema = events();
  entity_ = coded(schema, options.entity, "entity", diagnostics).value_or(0);
  const auto time = find_column(schema, options.time, "time", diagnostics);
  if (time && schema.columns[*time].kind != Kind::kTime) diagnostics.error("time", "this column isn't of kind time", "set its kind to time");
  time_ = time.value_or(0);
  if (!options.group.empty()) group_ = coded(schema, options.group, "group", diagnostics);
  if (options.min_groups > 0 && !group_) diagnostics.error("min_groups", "no group column is named", "set group = \"…\"");
  min_events_ = options.min_events;
  min_groups_ = options.min_groups;
  max_length_ = static_cast<std::size_t>(options.max_length);
  for (std::size_t i = 0; i < options.where.size(); ++i) rules_.emplace_back(schema, options.where[i], "where[" + std::to_string(i) + "]", diagnostics);
  plan_features(options, diagnostics);
  plan_labels(options, diagnostics);
}

void EventPlan::plan_features(const EventsOptions& options, core::Diagnostics& diagnostics) {
  const Schema& schema = events();
  const auto add = [&](Column column, const std::string& path) {
    claim_name(names_, column.name, path, diagnostics);
    output_.columns.push_back(std::move(column));
  };
  if (entity_ < schema.columns.size()) add(entity_column(schema.columns[entity_], options.entity_kind), "entity");
  if (windows_.cuts.size() > 1) {
    Column cut;
    cut.name = "cut";
    cut.kind = Kind::kTime;
    cut.dtype = DType::kInt64;
    add(cut, "window.cuts");
  }
  for (std::size_t i = 0; i < options.profile.size(); ++i) {
    const std::string path = "profile[" + std::to_string(i) + "]";
    const auto column = find_column(schema, options.profile[i], path, diagnostics);
    if (!column) continue;
    profile_.push_back(*column);
    add(schema.columns[*column], path);
  }
  const Aggregate::Context context{schema, group_};
  for (const auto& [name, aggregate] : options.aggregate) {
    const std::string path = "aggregate." + core::toml_key(name);
    aggregates_.emplace_back(context, name, aggregate, path, diagnostics);
    if (aggregate.from == "left_out") {
      wants_left_out_ = true;
      if (options.where.empty()) diagnostics.error(path + ".from", "no rule leaves out rows", "add a table [[where]], or take the events");
    }
    Column column = dense_column(name);
    if (aggregates_.back().is_category()) {
      column = schema.columns[aggregates_.back().of()];
      column.name = name;
      column.source.clear();
    }
    add(std::move(column), path);
  }
  for (const auto& [name, ratio] : options.ratio) {
    const std::string path = "ratio." + core::toml_key(name);
    const auto find = [&](const std::string& wanted, const std::string& key) {
      std::vector<std::string> known;
      for (std::size_t i = 0; i < aggregates_.size(); ++i) {
        if (aggregates_[i].name() == wanted && !aggregates_[i].is_category()) return i;
        known.push_back(aggregates_[i].name());
      }
      const std::string guess = core::did_you_mean(wanted, known);
      diagnostics.error(path + "." + key, "there is no aggregate of numbers called " + core::toml_string(wanted),
                        guess.empty() ? "add a table [aggregate." + core::toml_key(wanted) + "]" : "did you mean \"" + guess + "\"?");
      return std::size_t{0};
    };
    ratios_.push_back({find(ratio.over, "over"), find(ratio.under, "under"), ratio.plus});
    add(dense_column(name), path);
  }
  for (std::size_t i = 0; i < options.sequences.size(); ++i) {
    const std::string path = "sequences[" + std::to_string(i) + "]";
    const auto column = find_column(schema, options.sequences[i], path, diagnostics);
    if (!column) continue;
    if (const std::string problem = sequence_problem_of(schema.columns[*column]); !problem.empty()) diagnostics.error(path, problem, "take another kind for it below `columns`");
    sequences_.push_back(*column);
    add(sequence_column(schema.columns[*column]), path);
  }
}

void EventPlan::plan_labels(const EventsOptions& options, core::Diagnostics& diagnostics) {
  const Schema& schema = events();
  const Aggregate::Context context{schema, group_};
  for (const auto& [name, label] : options.label) {
    const std::string path = "label." + core::toml_key(name);
    const bool binary = label.function == "churn" || label.function == "active";
    AggregateOptions aggregate;
    aggregate.function = binary ? "count" : label.function;
    aggregate.of = label.of;
    aggregate.per = label.per;
    aggregate.where = label.where;
    labels_.push_back({label.function, label.none, Aggregate(context, name, aggregate, path, diagnostics)});
    Column column = dense_column(name);
    column.kind = Kind::kLabel;
    if (binary) column.classes = {"0", "1"};
    if (labels_.back().value.is_category()) {
      const Dictionary& values = schema.columns[labels_.back().value.of()].dictionary;
      column.dtype = DType::kInt32;
      for (std::size_t code = 0; code < values.size(); ++code) column.classes.push_back(values.text(static_cast<int32_t>(code)));
      if (std::find(column.classes.begin(), column.classes.end(), label.none) != column.classes.end()) {
        diagnostics.error(path + ".none", core::toml_string(label.none) + " is a value of the column", "take a name that isn't");
      }
      if (!label.none.empty()) column.classes.push_back(label.none);
      open_.push_back(output_.columns.size());
    } else if (!label.none.empty()) {
      diagnostics.error(path + ".none", "this label is no category", "leave it out");
    }
    claim_name(names_, name, path, diagnostics);
    output_.columns.push_back(std::move(column));
  }
}

std::vector<std::string> EventPlan::label_names() const {
  std::vector<std::string> names;
  for (const Label& label : labels_) names.push_back(label.value.name());
  return names;
}

std::optional<std::size_t> EventPlan::failed_rule(const RowBlock& block, std::size_t row) const {
  for (std::size_t i = 0; i < rules_.size(); ++i) {
    if (!rules_[i].passes(block, row)) return i;
  }
  return {};
}

EventOutput EventPlan::new_output() const {
  EventOutput out;
  out.block.columns.resize(output_.columns.size());
  out.conflicts.resize(profile_.size());
  out.without_label.resize(labels_.size());
  return out;
}

// A view that ends with the cut is all that features are given.
void EventPlan::add_rows(int32_t entity, const EventView& all, int64_t end_of_log, EventOutput& out, AggregateScratch& scratch) const {
  constexpr int64_t kBeginning = std::numeric_limits<int64_t>::min();
  const std::vector<int64_t> whole{end_of_log};
  for (const int64_t cut : windows_.cuts.empty() ? whole : windows_.cuts) {
    const EventView seen = all.between(windows_.observe ? cut - *windows_.observe : kBeginning, cut);
    if (!eligible(seen, cut, out, scratch)) continue;
    const int64_t begin = cut + windows_.gap;
    std::vector<LabelValue> labels(labels_.size());
    if (!find_labels(all.between(begin, begin + windows_.predict), cut, labels, out, scratch)) continue;
    add_features(entity, seen, cut, out, scratch);
    const std::size_t first = output_.columns.size() - labels_.size();
    for (std::size_t i = 0; i < labels_.size(); ++i) {
      ColumnBlock& to = out.block.columns[first + i];
      if (labels_[i].value.is_category()) {
        to.ints.push_back(labels[i].code);
      } else {
        to.floats.push_back(labels[i].number);
      }
    }
    out.block.row.push_back(0);
  }
}

bool EventPlan::eligible(const EventView& seen, int64_t cut, EventOutput& out, AggregateScratch& scratch) const {
  if (seen.events.empty()) return ++out.no_events, false;
  if (static_cast<int64_t>(seen.events.size()) < min_events_) return ++out.few_events, false;
  if (min_groups_ > 0) {
    std::vector<int32_t>& groups = scratch.codes;
    groups.clear();
    int64_t alone = 0;
    for (const uint32_t row : seen.events) {
      const int32_t group = seen.block->columns[*group_].ints[row];
      if (group < 0) {
        ++alone;
      } else {
        groups.push_back(group);
      }
    }
    std::sort(groups.begin(), groups.end());
    if (alone + (std::unique(groups.begin(), groups.end()) - groups.begin()) < min_groups_) return ++out.few_groups, false;
  }
  if (windows_.active_within && cut - seen.time_of(seen.events.back()) > *windows_.active_within) return ++out.inactive, false;
  return true;
}

void EventPlan::add_features(int32_t entity, const EventView& seen, int64_t cut, EventOutput& out, AggregateScratch& scratch) const {
  const Schema& schema = events();
  std::size_t c = 0;
  add_entity(schema.columns[entity_], output_.columns[c], entity, out.block.columns[c]);
  if (windows_.cuts.size() > 1) out.block.columns[++c].longs.push_back(cut);
  for (std::size_t p = 0; p < profile_.size(); ++p) {
    const std::size_t source = profile_[p];
    out.conflicts[p] += add_profile(schema.columns[source], seen.block->columns[source], seen.events, out.block.columns[++c]) ? 1 : 0;
  }
  std::vector<double> numbers(aggregates_.size());
  for (std::size_t a = 0; a < aggregates_.size(); ++a) {
    ColumnBlock& to = out.block.columns[++c];
    if (aggregates_[a].is_category()) {
      to.ints.push_back(aggregates_[a].category(seen, cut, scratch));
      continue;
    }
    numbers[a] = aggregates_[a].number(seen, cut, scratch);
    to.floats.push_back(static_cast<float>(numbers[a]));
  }
  for (const Ratio& ratio : ratios_) {
    const double under = numbers[ratio.under] + ratio.plus;
    const double value = under == 0 ? std::numeric_limits<double>::quiet_NaN() : numbers[ratio.over] / under;
    out.block.columns[++c].floats.push_back(static_cast<float>(value));
  }
  std::span<const uint32_t> kept = seen.events;
  if (max_length_ > 0 && kept.size() > max_length_ && !sequences_.empty()) {
    out.cut_elements += static_cast<int64_t>(kept.size() - max_length_);
    kept = kept.last(max_length_);
  }
  for (const std::size_t source : sequences_) add_sequence(schema.columns[source], seen.block->columns[source], kept, out.block.columns[++c]);
}

bool EventPlan::find_labels(const EventView& future, int64_t cut, std::vector<LabelValue>& values, EventOutput& out, AggregateScratch& scratch) const {
  for (std::size_t i = 0; i < labels_.size(); ++i) {
    const Label& label = labels_[i];
    if (label.value.is_category()) {
      values[i].code = label.value.category(future, cut, scratch);
      if (values[i].code < 0 && label.none.empty()) return ++out.without_label[i], false;
      if (values[i].code < 0) values[i].code = static_cast<int32_t>(events().columns[label.value.of()].dictionary.size());
      continue;
    }
    const double number = label.value.number(future, cut, scratch);
    if (std::isnan(number)) return ++out.without_label[i], false;
    values[i].number = static_cast<float>(label.function == "churn" ? number == 0 : label.function == "active" ? number > 0 : number);
  }
  return true;
}

}  // namespace cohort::datasets
