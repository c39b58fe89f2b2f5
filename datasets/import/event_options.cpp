#include "datasets/import/event_options.h"

#include <limits>

#include "datasets/io/value_parser.h"

namespace cohort::datasets {
namespace {

const std::vector<std::string> kAggregates{"count", "sum",  "mean",     "sd",    "min",     "max",    "first",   "last",
                                           "mode",  "distinct", "share", "recency", "tenure", "gap_mean", "gap_sd"};
const std::vector<std::string> kEventLabels{"churn", "active", "count", "sum", "mean", "min", "max", "first", "mode", "distinct"};

std::string duration_problem(const std::string& text) {
  return text.empty() || duration_seconds(text) ? "" : "\"" + text + "\" is no duration";
}
const char* const kDurationRemedy = "write a whole number and s, min, h, d or w, such as \"90d\"";

template <class Options>
void duration_rule(core::Describe<Options>& d, const std::string& name, std::string Options::* member) {
  d.rule(name, [member](const Options& o) { return duration_problem(o.*member); }, kDurationRemedy);
}

std::string needs_of(const std::string& function, const std::string& of) {
  static const std::vector<std::string> needing{"first", "last", "mode", "distinct", "share", "min", "max"};
  for (const std::string& name : needing) {
    if (name == function && of.empty()) return "the function " + function + " needs a column";
  }
  return {};
}

}  // namespace

std::optional<int64_t> duration_seconds(const std::string& text) {
  static const std::map<std::string, int64_t> units{{"s", 1}, {"min", 60}, {"h", 3600}, {"d", 86400}, {"w", 604800}};
  const std::size_t digits = text.find_first_not_of("0123456789");
  if (digits == 0 || digits == std::string::npos) return {};
  const auto unit = units.find(std::string(trimmed(std::string_view(text).substr(digits))));
  int64_t number = 0;
  if (unit == units.end() || parse_integer(std::string_view(text).substr(0, digits), number) != Parsed::kValue) return {};
  // A hundred thousand years are enough, and sums of times stay in range.
  if (number > std::numeric_limits<int64_t>::max() / unit->second || number * unit->second > 3'200'000'000'000) return {};
  return number * unit->second;
}

void WhereOptions::describe(core::Describe<WhereOptions>& d) {
  d.field("column", &WhereOptions::column, "a column of the input, of a join or derived").required().non_empty();
  d.field("empty", &WhereOptions::empty, "whether the value is missing");
  d.field("above", &WhereOptions::above, "the number is greater than this");
  d.field("min", &WhereOptions::min, "the number is at least this");
  d.field("below", &WhereOptions::below, "the number is less than this");
  d.field("max", &WhereOptions::max, "the number is at most this");
  d.field("is", &WhereOptions::is, "the text is one of these").unique();
  d.field("is_not", &WhereOptions::is_not, "the text is none of these").unique();
  d.field("begins_with", &WhereOptions::begins_with, "how the text begins");
  d.field("begins_not_with", &WhereOptions::begins_not_with, "how the text doesn't begin");
  d.rule("column", [](const WhereOptions& o) -> std::string {
    const bool number = o.above || o.min || o.below || o.max;
    const bool text = !o.is.empty() || !o.is_not.empty() || !o.begins_with.empty() || !o.begins_not_with.empty();
    if (number && text) return "a value is either a number or a text";
    return number || text || o.empty ? "" : "nothing is asked of this column";
  }, "set empty, above, min, below, max, is, is_not, begins_with or begins_not_with");
}

void DeriveOptions::describe(core::Describe<DeriveOptions>& d) {
  d.field("product", &DeriveOptions::product, "two dense columns that are multiplied");
  d.field("of", &DeriveOptions::of, "a column of times, of which a part is taken");
  d.field("part", &DeriveOptions::part, "month (201109), day (20110901), weekday (1 Monday to 7 Sunday), hour (0 to 23), all UTC")
      .one_of({"", "month", "day", "weekday", "hour"});
  d.rule("product", [](const DeriveOptions& o) -> std::string {
    if (o.product.empty() == o.of.empty()) return "either a product or a part of a time";
    if (!o.product.empty() && o.product.size() != 2) return "a product has two factors";
    return o.of.empty() == o.part.empty() ? "" : "`of` and `part` go together";
  });
}

void AggregateOptions::describe(core::Describe<AggregateOptions>& d) {
  d.field("function", &AggregateOptions::function,
          "count; sum, mean, sd, min, max of numbers; first, last (also of categories), mode (most frequent), distinct, share (of `value`) of categories; "
          "recency, tenure (days from the last, the first event to the cut), gap_mean, gap_sd (days between two events)")
      .one_of(kAggregates);
  d.field("of", &AggregateOptions::of, "the column; \"\": the events themselves, a 1 each");
  d.field("per", &AggregateOptions::per, "event, or group: the events of a group count as one, with the sum of their values and the time of the first")
      .one_of({"event", "group"});
  d.field("window", &AggregateOptions::window, "a duration that ends with the cut, such as \"30d\"; \"\": all that is observed");
  d.field("from", &AggregateOptions::from, "events, or left_out: the rows that [[where]] leaves out").one_of({"events", "left_out"});
  d.field("value", &AggregateOptions::value, "share: whose share");
  d.tables("where", &AggregateOptions::where, "which of these events count");
  duration_rule(d, "window", &AggregateOptions::window);
  d.rule("of", [](const AggregateOptions& o) { return needs_of(o.function, o.of); }, "name it");
  d.rule("value", [](const AggregateOptions& o) -> std::string {
    return (o.function == "share") == o.value.empty() ? "share, and share alone, is of a value" : "";
  });
}

void RatioOptions::describe(core::Describe<RatioOptions>& d) {
  d.field("over", &RatioOptions::over, "an aggregate").required().non_empty();
  d.field("under", &RatioOptions::under, "the aggregate that it is divided by").required().non_empty();
  d.field("plus", &RatioOptions::plus, "added to what it is divided by");
}

void EventLabelOptions::describe(core::Describe<EventLabelOptions>& d) {
  d.field("function", &EventLabelOptions::function,
          "churn: 1 where the prediction window holds no event; active: where it holds one; count, sum, mean, min, max of numbers; first, mode (most "
          "frequent) of categories; distinct")
      .one_of(kEventLabels);
  d.field("of", &EventLabelOptions::of, "the column; \"\": the events themselves");
  d.field("per", &EventLabelOptions::per, "event or group, as for aggregates").one_of({"event", "group"});
  d.field("none", &EventLabelOptions::none, "first, mode: the class of rows without an event there; \"\": they are left out");
  d.tables("where", &EventLabelOptions::where, "which of these events count");
  d.rule("of", [](const EventLabelOptions& o) { return needs_of(o.function, o.of); }, "name it");
}

void WindowOptions::describe(core::Describe<WindowOptions>& d) {
  d.field("cuts", &WindowOptions::cuts, "features end, exclusive, at these times (YYYY-MM-DD HH:MM:SS, UTC); a row a customer and cut; none: the whole log is observed").unique();
  d.field("observe", &WindowOptions::observe, "a duration before the cut; \"\": from the beginning");
  d.field("gap", &WindowOptions::gap, "a duration from the cut to the prediction window");
  d.field("predict", &WindowOptions::predict, "the length of the prediction window, from cut + gap; needed by labels");
  d.field("overlap", &WindowOptions::overlap, "whether the prediction windows of two cuts may overlap");
  d.field("incomplete", &WindowOptions::incomplete, "a prediction window that ends after the log's last row: fail, or keep the labels it gives").one_of({"fail", "keep"});
  duration_rule(d, "observe", &WindowOptions::observe);
  duration_rule(d, "gap", &WindowOptions::gap);
  duration_rule(d, "predict", &WindowOptions::predict);
}

void EventsOptions::describe(core::Describe<EventsOptions>& d) {
  d.field("entity", &EventsOptions::entity, "the column that names the customer: a row of the dataset each").required().non_empty();
  d.field("time", &EventsOptions::time, "the column of the event's time").required().non_empty();
  d.field("group", &EventsOptions::group, "the column whose events belong together, such as an invoice");
  d.field("entity_kind", &EventsOptions::entity_kind, "what the entity is in the dataset: id, or a categorical feature").one_of({"id", "categorical"});
  d.field("sequences", &EventsOptions::sequences, "columns of the events that become sequences, in order of time").unique();
  d.field("profile", &EventsOptions::profile, "columns that say something of the customer: the first value is taken").unique();
  d.field("max_length", &EventsOptions::max_length, "sequences keep the last so many events; 0: all").min(0).unit("events");
  d.field("min_events", &EventsOptions::min_events, "customers with fewer events before the cut are left out").min(1).unit("events");
  d.field("min_groups", &EventsOptions::min_groups, "customers with fewer groups before the cut are left out").min(0).unit("groups");
  d.field("active_within", &EventsOptions::active_within, "customers whose last event is longer before the cut are left out; \"\": any");
  d.table("window", &EventsOptions::window, "what is observed and what is predicted");
  d.tables("where", &EventsOptions::where, "which rows are events: all rules must hold");
  d.named_tables("derive", &EventsOptions::derive, "columns computed for each event");
  d.named_tables("aggregate", &EventsOptions::aggregate, "features made of the events before the cut");
  d.named_tables("ratio", &EventsOptions::ratio, "ratios of two aggregates");
  d.named_tables("label", &EventsOptions::label, "labels made of the prediction window");
  describe_import_options(d);
  duration_rule(d, "active_within", &EventsOptions::active_within);
}

}  // namespace cohort::datasets
