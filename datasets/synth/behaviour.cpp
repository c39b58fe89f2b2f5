#include "datasets/synth/behaviour.h"

#include <limits>
#include <memory>

#include "datasets/synth/columns.h"

namespace cohort::datasets {
namespace {

constexpr int64_t kFirstCustomer = 1'000'000;
constexpr float kCustomerUnseen = std::numeric_limits<float>::quiet_NaN();

const std::vector<std::string> kCustomerRegions{"centre", "east", "north", "northeast", "northwest", "south", "southeast", "west"};
const std::vector<std::string> kCustomerEventKinds{"complaint", "purchase", "return"};

enum CustomerColumn : std::size_t {
  kCustomerId,
  kCustomerObservedAt,
  kCustomerTenure,
  kCustomerAge,
  kCustomerRegion,
  kCustomerOffer,
  kCustomerRecency,
  kCustomerEventCount,
  kCustomerAmountSum,
  kCustomerComplaints,
  kCustomerEventTime,
  kCustomerEventCategory,
  kCustomerEventItem,
  kCustomerEventAmount,
  kCustomerEventKind,
  kCustomerChurn,
  kCustomerMonths,
  kCustomerNextCategory,
  kCustomerTrueSegment,
  kCustomerTrueHazard,
  kCustomerTrueChurn,
  kCustomerTrueUplift,
  kCustomerPropensity,
  kCustomerTrueNext,
  kCustomerColumns
};

template <class Rows>
std::vector<std::string> behaviour_names(const Rows& rows) {
  std::vector<std::string> names;
  for (const auto& row : rows) names.emplace_back(row.name);
  return names;
}

Schema behaviour_schema(const void* made) {
  const auto& options = *static_cast<const BehaviourOptions*>(made);
  const std::vector<std::string> categories = behaviour_names(kBehaviourCategories);
  Schema schema;
  schema.columns = {id_column("customer"),
                    time_column("observed_at"),
                    dense_column("tenure_days"),
                    dense_column("age"),
                    word_column("region", kCustomerRegions),
                    code_column("offer", 2),
                    dense_column("recency_days"),
                    dense_column("events"),
                    dense_column("amount"),
                    dense_column("complaints"),
                    sequence_of(time_column("event_time")),
                    sequence_of(word_column("event_category", categories)),
                    sequence_of(code_column("event_item", static_cast<uint64_t>(options.items))),
                    sequence_of(dense_column("event_amount")),
                    sequence_of(word_column("event_kind", kCustomerEventKinds)),
                    binary_label("churn"),
                    number_label("months"),
                    class_label("next_category", categories),
                    truth(word_column("true_segment", behaviour_names(kBehaviourSegments))),
                    truth(dense_column("true_hazard")),
                    truth(dense_column("true_probability")),
                    truth(dense_column("true_uplift")),
                    truth(dense_column("propensity")),
                    truth(sequence_of(dense_column("true_next")))};
  return schema;
}

void add_events(const BehaviourLaw::Customer& customer, std::vector<ColumnBlock>& columns) {
  for (const BehaviourLaw::Event& event : customer.events) {
    columns[kCustomerEventTime].longs.push_back(event.time);
    columns[kCustomerEventCategory].ints.push_back(event.category_shown ? event.category : -1);
    columns[kCustomerEventItem].ints.push_back(static_cast<int32_t>(event.item));
    columns[kCustomerEventAmount].floats.push_back(event.amount_shown ? static_cast<float>(event.amount) : kCustomerUnseen);
    columns[kCustomerEventKind].ints.push_back(event.kind);
  }
  const auto end = static_cast<int64_t>(columns[kCustomerEventTime].longs.size());
  for (const std::size_t c : {kCustomerEventTime, kCustomerEventCategory, kCustomerEventItem, kCustomerEventAmount, kCustomerEventKind})
    columns[c].ends.push_back(end);
}

void add_outcomes(const BehaviourLaw& law, uint64_t row, const BehaviourLaw::Customer& customer, int64_t horizon,
                  std::vector<ColumnBlock>& columns) {
  const int64_t month = law.leaves(row, customer);
  const double with = law.churn(customer, true), without = law.churn(customer, false);
  columns[kCustomerChurn].floats.push_back(month > 0 ? 1.0f : 0.0f);
  columns[kCustomerMonths].floats.push_back(static_cast<float>(month > 0 ? month : horizon));
  columns[kCustomerNextCategory].ints.push_back(law.next_category_drawn(row, customer));
  columns[kCustomerTrueSegment].ints.push_back(static_cast<int32_t>(customer.segment));
  columns[kCustomerTrueHazard].floats.push_back(static_cast<float>(law.hazard(customer, customer.offer, 1)));
  columns[kCustomerTrueChurn].floats.push_back(static_cast<float>(customer.offer ? with : without));
  columns[kCustomerTrueUplift].floats.push_back(static_cast<float>(without - with));
  columns[kCustomerPropensity].floats.push_back(static_cast<float>(customer.propensity));
  for (const double chance : law.next_category(customer)) columns[kCustomerTrueNext].floats.push_back(static_cast<float>(chance));
  columns[kCustomerTrueNext].ends.push_back(static_cast<int64_t>(columns[kCustomerTrueNext].floats.size()));
}

void behaviour_fill(const BehaviourLaw& law, int64_t horizon, uint64_t first, uint64_t count, RowBlock& block) {
  block.row.resize(count);
  block.columns.assign(kCustomerColumns, {});
  std::vector<ColumnBlock>& columns = block.columns;
  for (uint64_t i = 0; i < count; ++i) {
    const uint64_t row = first + i;
    const BehaviourLaw::Customer customer = law.customer(row);
    block.row[i] = row;
    columns[kCustomerId].longs.push_back(kFirstCustomer + static_cast<int64_t>(row));
    columns[kCustomerObservedAt].longs.push_back(customer.observed_at);
    columns[kCustomerTenure].floats.push_back(static_cast<float>(customer.tenure_days));
    columns[kCustomerAge].floats.push_back(customer.age_shown ? static_cast<float>(customer.age) : kCustomerUnseen);
    columns[kCustomerRegion].ints.push_back(customer.region);
    columns[kCustomerOffer].ints.push_back(customer.offer ? 1 : 0);
    columns[kCustomerRecency].floats.push_back(static_cast<float>(customer.recency_days));
    columns[kCustomerEventCount].floats.push_back(static_cast<float>(customer.events.size()));
    columns[kCustomerAmountSum].floats.push_back(static_cast<float>(customer.amount));
    columns[kCustomerComplaints].floats.push_back(static_cast<float>(customer.complaints));
    add_events(customer, columns);
    add_outcomes(law, row, customer, horizon, columns);
  }
}

RowFiller behaviour_filler(const void* made, uint64_t seed) {
  const auto& options = *static_cast<const BehaviourOptions*>(made);
  const auto law = std::make_shared<const BehaviourLaw>(options, seed);
  return [law, horizon = options.horizon](uint64_t first, uint64_t count, RowBlock& block) {
    behaviour_fill(*law, horizon, first, count, block);
  };
}

}  // namespace

void BehaviourOptions::describe(core::Describe<BehaviourOptions>& d) {
  using O = BehaviourOptions;
  d.field("months", &O::months, "longest window of events before observed_at").min(1).max(120).unit("months of 30 days");
  d.field("horizon", &O::horizon, "months after observed_at in which churn counts").min(1).max(60).unit("months of 30 days");
  d.field("items", &O::items, "items, a multiple of the 12 categories").min(12).max(kMostSynthIds);
  d.field("season", &O::season, "strength of all seasons").min(0).max(1);
  d.field("hazard", &O::hazard, "added to the log-odds of leaving in a month").min(-20).max(20);
  d.field("missing", &O::missing, "share of missing values: age, region, categories and amounts of events").min(0).below(1);
  constexpr auto kCategories = static_cast<int64_t>(BehaviourLaw::kCategories);
  d.rule(
      "items", [](const O& o) { return o.items % kCategories != 0 ? "items is no multiple of 12" : ""; },
      "there are 12 categories of equal size");
}

Generator behaviour_generator() {
  return {"customers with sequences of events; truth: segment, churn hazard and probability, effect of an offer, the next category",
          &core::Schema::of<BehaviourOptions>(),
          100'000,
          behaviour_schema,
          behaviour_filler,
          nullptr};
}

}  // namespace cohort::datasets
