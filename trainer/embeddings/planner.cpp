#include "trainer/embeddings/planner.h"

#include <algorithm>
#include <cmath>
#include <numeric>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include <fmt/format.h>

#include "core/error.h"
#include "trainer/embeddings/placement_wish.h"

namespace cohort::trainer {
namespace {

constexpr double kMebibyte = 1 << 20;
constexpr double kClearly = 0.98;  // of a preferred placement's cost: what another must come down to

/// A way to place one table, and what all ranks look like after it.
struct Candidate {
  TablePlan plan;
  LoadBook book;
  double work = 0;     ///< seconds it adds to all ranks together
  double slowest = 0;  ///< seconds of the busiest rank after it
  double fullest = 0;  ///< bytes of the fullest rank after it
  double traffic = 0;  ///< bytes it sends between ranks
};

struct Totals {
  double work = 0, slowest = 0, fullest = 0, traffic = 0;
};

Totals totals_of(const LoadBook& book, const CostModel& costs) {
  Totals totals;
  for (const RankLoad& load : book.so_far()) {
    const double seconds = load.seconds(costs);
    totals.work += seconds;
    totals.slowest = std::max(totals.slowest, seconds);
    totals.fullest = std::max(totals.fullest, load.memory);
    totals.traffic += load.node_out + load.network_out;
  }
  return totals;
}

class Planner {
 public:
  Planner(std::span<const TableDemand> tables, const PlanSetting& setting, const EmbeddingOptions& options)
      : tables_(tables), setting_(setting), options_(options), wishes_(placement_wishes(tables, options, setting.ranks())) {
    for (const TableDemand& table : tables) ids_.emplace_back(table, static_cast<double>(setting.global_batch) * table.ids_per_sample);
    for (std::size_t t = 0; t < tables.size(); ++t) hot_rows_.push_back(hot_rows(t));
    limit_ = options.memory_mib > 0 ? options.memory_mib * kMebibyte : 0;
    weigh();
  }

  EmbeddingPlan plan() {
    for (const bool by_bytes : {false, true})
      for (const bool spare_memory : {false, true}) {
        if (spare_memory && !by_bytes) continue;
        if (std::optional<EmbeddingPlan> plan = attempt(by_bytes, spare_memory)) return better_replicated(std::move(*plan));
      }
    refuse();
  }

 private:
  // ---- what doesn't depend on the other tables --------------------------------------------------------------------

  std::vector<int64_t> hot_rows(std::size_t t) const {
    const TableDemand& table = tables_[t];
    std::size_t count = 0;
    if (wishes_[t].placement == Placement::kReplicated) return {};
    if (wishes_[t].hot_rows) {
      count = static_cast<std::size_t>(std::min(*wishes_[t].hot_rows, static_cast<int64_t>(table.frequent.size())));
    } else if (setting_.ranks() > 1) {
      const auto most = static_cast<std::size_t>(std::min(options_.hot_rows, static_cast<int64_t>(table.frequent.size())));
      while (count < most && hot_row_gain(table, ids_[t], count, setting_) > 0) ++count;
    }
    std::vector<int64_t> rows;
    for (std::size_t i = 0; i < count; ++i) rows.push_back(table.frequent[i].row);
    std::sort(rows.begin(), rows.end());
    return rows;
  }

  double bytes_of(std::size_t t) const { return table_bytes(static_cast<double>(tables_[t].rows), static_cast<double>(tables_[t].dim), setting_.state); }
  bool may_replicate(std::size_t t) const { return bytes_of(t) <= options_.replicate_below_mib * kMebibyte; }
  bool leaves_no_choice(std::size_t t) const { return wishes_[t].rank.has_value() || wishes_[t].placement == Placement::kReplicated; }

  /// Each table's least work on empty ranks: the order of placing, and a rank's even share.
  void weigh() {
    for (std::size_t t = 0; t < tables_.size(); ++t) {
      double least = 0;
      bool first = true;
      for (const Candidate& candidate : candidates(t, LoadBook(setting_), 0)) {
        least = first ? candidate.work : std::min(least, candidate.work);
        first = false;
      }
      work_.push_back(least);
    }
    fair_ = std::accumulate(work_.begin(), work_.end(), 0.0) / setting_.ranks();
  }

  std::vector<std::size_t> order(bool by_bytes) const {
    std::vector<std::size_t> order(tables_.size());
    std::iota(order.begin(), order.end(), 0);
    std::stable_sort(order.begin(), order.end(), [&](std::size_t a, std::size_t b) {
      if (leaves_no_choice(a) != leaves_no_choice(b)) return leaves_no_choice(a);
      if (!by_bytes && work_[a] != work_[b]) return work_[a] > work_[b];
      return bytes_of(a) > bytes_of(b);
    });
    return order;
  }

  // ---- one table ----------------------------------------------------------------------------------------------------

  /// Ranks from that with least to do (or hold) on, ties by bytes, then rank.
  std::vector<int> idle_first(const LoadBook& book, bool spare_memory) const {
    std::vector<int> ranks(book.so_far().size());
    std::iota(ranks.begin(), ranks.end(), 0);
    std::vector<std::pair<double, double>> keys;
    for (const RankLoad& load : book.so_far()) keys.emplace_back(load.seconds(setting_.costs), load.memory);
    if (spare_memory)
      for (auto& [first, second] : keys) std::swap(first, second);
    std::stable_sort(ranks.begin(), ranks.end(), [&](int a, int b) { return keys[static_cast<std::size_t>(a)] < keys[static_cast<std::size_t>(b)]; });
    return ranks;
  }

  std::optional<Candidate> try_plan(std::size_t t, TablePlan plan, const LoadBook& before, double limit) const {
    if (plan.placement != Placement::kReplicated) plan.hot_rows = hot_rows_[t];
    const Totals old = totals_of(before, setting_.costs);
    LoadBook after = before;
    after.add(plan, tables_[t], ids_[t]);
    const Totals now = totals_of(after, setting_.costs);
    if (limit > 0 && now.fullest > limit) return std::nullopt;
    return Candidate{std::move(plan), std::move(after), now.work - old.work, now.slowest, now.fullest, now.traffic - old.traffic};
  }

  /// Those that fit under `limit` (0: none), in order of preference where they cost the same.
  std::vector<Candidate> candidates(std::size_t t, const LoadBook& before, double limit, bool spare_memory = false) const {
    const TableDemand& table = tables_[t];
    const PlacementWish& wish = wishes_[t];
    const std::vector<int> ranks = idle_first(before, spare_memory);
    const auto all = static_cast<int64_t>(ranks.size());
    const auto wanted = [&](Placement placement) { return !wish.placement || *wish.placement == placement; };
    const auto chosen = [&](int64_t count) {
      std::vector<int> some(ranks.begin(), ranks.begin() + static_cast<std::ptrdiff_t>(count));
      std::sort(some.begin(), some.end());
      return some;
    };
    std::vector<Candidate> found;
    const auto add = [&](TablePlan plan) {
      std::optional<Candidate> candidate = try_plan(t, std::move(plan), before, limit);
      if (candidate) found.push_back(std::move(*candidate));
      return candidate.has_value();
    };
    if (wanted(Placement::kTableWise)) {
      const std::vector<int> tried = wish.rank ? std::vector<int>{*wish.rank} : ranks;
      const auto has_room = [&](int rank) { return limit <= 0 || before.so_far()[static_cast<std::size_t>(rank)].memory + bytes_of(t) <= limit; };
      for (const int rank : tried)
        if (has_room(rank) && add({Placement::kTableWise, {{rank, 0, table.rows, 0, table.dim}}, {}, {}})) break;
    }
    if (wanted(Placement::kRowWise) && (wish.placement || (all > 1 && table.rows > 1)))
      add({Placement::kRowWise, row_shards(table.rows, table.dim, chosen(wish.shards > 0 ? wish.shards : all)), {}, {}});
    if (wanted(Placement::kColumnWise) && (wish.placement || (all > 1 && table.dim >= 2 * kColumnBlock))) {
      const int64_t most = std::min(all, column_blocks(table.dim));
      std::vector<int64_t> counts = {wish.shards > 0 ? wish.shards : most};
      if (!wish.placement)
        for (int64_t fewer = 2; fewer < most; fewer *= 2) counts.push_back(fewer);
      for (const int64_t count : counts) add({Placement::kColumnWise, column_shards(table.rows, table.dim, chosen(count)), {}, {}});
    }
    if (wanted(Placement::kReplicated) && (wish.placement || (all > 1 && may_replicate(t)))) add({Placement::kReplicated, {}, {}, {}});
    return found;
  }

  /// Lower is better. Seconds, but bytes where memory is short.
  double score(const Candidate& candidate, bool spare_memory) const {
    if (spare_memory) return candidate.fullest;
    return candidate.work + setting_.ranks() * std::max(0.0, candidate.slowest - fair_);
  }

  std::string reason(std::size_t t, const Candidate& best, const std::vector<Candidate>& all, bool spare_memory) const {
    std::string text = fmt::format("{:.1f} KiB a step between ranks", best.traffic / 1024);
    if (!best.plan.hot_rows.empty()) text += fmt::format(", {} hot rows on every rank", best.plan.hot_rows.size());
    if (wishes_[t].placement) return text + "; named in " + wishes_[t].source;
    if (setting_.ranks() == 1) return text + "; one rank keeps all";
    text += fmt::format("; {:.0f} us of work", best.work * 1e6);
    std::string others;
    for (const Placement placement : {Placement::kTableWise, Placement::kRowWise, Placement::kColumnWise, Placement::kReplicated}) {
      if (placement == best.plan.placement) continue;
      std::optional<double> least;
      for (const Candidate& candidate : all)
        if (candidate.plan.placement == placement) least = std::min(least.value_or(candidate.work), candidate.work);
      if (least) others += fmt::format("{}{} {:.0f}", others.empty() ? " against " : ", ", to_string(placement), *least * 1e6);
    }
    text += others;
    if (limit_ > 0 && spare_memory) text += "; chosen for its memory";
    return text;
  }

  // ---- all tables ---------------------------------------------------------------------------------------------------

  /// Nothing where a table fits nowhere; which one is kept for the message.
  std::optional<EmbeddingPlan> attempt(bool by_bytes, bool spare_memory, bool unlimited = false) {
    LoadBook book(setting_);
    EmbeddingPlan plan;
    plan.tables.resize(tables_.size());
    for (const std::size_t t : order(by_bytes)) {
      std::vector<Candidate> all = candidates(t, book, unlimited ? 0 : limit_, spare_memory);
      if (all.empty()) {
        misfit_ = t;
        free_ = limit_;
        for (const RankLoad& load : book.so_far()) free_ = std::min(free_, load.memory);
        free_ = limit_ - free_;
        return std::nullopt;
      }
      std::size_t best = 0;
      for (std::size_t c = 1; c < all.size(); ++c)
        if (score(all[c], spare_memory) < (spare_memory ? 1 : kClearly) * score(all[best], spare_memory)) best = c;
      all[best].plan.reason = reason(t, all[best], all, spare_memory);
      plan.tables[t] = all[best].plan;
      book = all[best].book;
    }
    fullest_ = totals_of(book, setting_.costs).fullest;
    return plan;
  }

  /// Placing one table at a time can't see that without sharded tables two exchanges fewer are made.
  EmbeddingPlan better_replicated(EmbeddingPlan plan) const {
    if (setting_.ranks() == 1) return plan;
    EmbeddingPlan other = plan;
    bool changed = false;
    double memory = 0;
    for (std::size_t t = 0; t < tables_.size(); ++t) {
      if (plan.tables[t].placement != Placement::kReplicated) {
        if (wishes_[t].placement || !may_replicate(t)) return plan;
        other.tables[t] = {Placement::kReplicated, {}, {}, {}};
        changed = true;
      }
      memory += bytes_of(t);
    }
    if (!changed || (limit_ > 0 && memory > limit_)) return plan;
    const PlanPrediction cut = predict(plan, tables_, setting_), whole = predict(other, tables_, setting_);
    if (whole.seconds >= cut.seconds) return plan;
    for (std::size_t t = 0; t < tables_.size(); ++t)
      if (plan.tables[t].placement != Placement::kReplicated)
        other.tables[t].reason =
            fmt::format("all tables replicated take {:.0f} us a step, the cheapest plan with shards {:.0f}", whole.seconds * 1e6, cut.seconds * 1e6);
    return other;
  }

  [[noreturn]] void refuse() {
    // The last attempt was the one that spares memory; without a limit it tells which limit would do.
    const std::size_t t = misfit_;
    const double free = free_;
    attempt(true, true, true);
    const std::string how = wishes_[t].placement ? fmt::format(" as {} ({})", to_string(*wishes_[t].placement), wishes_[t].source) : std::string();
    throw core::usage_error(
        fmt::format("the embedding table '{}' ({} x {}, {:.1f} MiB with optimizer state) fits no rank{}: embeddings.memory_mib is {:g}, and {:.1f} MiB "
                    "are free on the emptiest of {} ranks",
                    tables_[t].name, tables_[t].rows, tables_[t].dim, bytes_of(t) / kMebibyte, how, options_.memory_mib, free / kMebibyte, setting_.ranks()),
        fmt::format("raise embeddings.memory_mib to {:.0f}, use more ranks, let tables be cut (placement = \"row_wise\" or \"auto\"), or keep fewer "
                    "values of the column (features.categorical min_count, max_size)",
                    std::ceil(fullest_ / kMebibyte)));
  }

  std::span<const TableDemand> tables_;
  const PlanSetting& setting_;
  const EmbeddingOptions& options_;
  std::vector<PlacementWish> wishes_;
  std::vector<UniqueIds> ids_;
  std::vector<std::vector<int64_t>> hot_rows_;
  std::vector<double> work_;
  double fair_ = 0, limit_ = 0, fullest_ = 0, free_ = 0;
  std::size_t misfit_ = 0;
};

}  // namespace

std::vector<TableShard> row_shards(int64_t rows, int64_t dim, std::span<const int> ranks) {
  const auto n = static_cast<int64_t>(ranks.size());
  std::vector<TableShard> shards;
  for (int64_t i = 0; i < n; ++i) {
    const int64_t begin = rows / n * i + rows % n * i / n, end = rows / n * (i + 1) + rows % n * (i + 1) / n;
    if (end > begin) shards.push_back({ranks[static_cast<std::size_t>(i)], begin, end - begin, 0, dim});
  }
  return shards;
}

std::vector<TableShard> column_shards(int64_t rows, int64_t dim, std::span<const int> ranks) {
  const auto n = static_cast<int64_t>(ranks.size());
  const int64_t blocks = column_blocks(dim);
  std::vector<TableShard> shards;
  for (int64_t i = 0; i < n; ++i) {
    const int64_t begin = blocks * i / n * kColumnBlock, end = std::min(dim, blocks * (i + 1) / n * kColumnBlock);
    if (end > begin) shards.push_back({ranks[static_cast<std::size_t>(i)], 0, rows, begin, end - begin});
  }
  return shards;
}

EmbeddingPlan plan_tables(std::span<const TableDemand> tables, const PlanSetting& setting, const EmbeddingOptions& options) {
  check(setting);
  for (const TableDemand& table : tables)
    if (table.rows < 1 || table.dim < 1)
      throw core::usage_error(fmt::format("the embedding table '{}' has {} rows of {} columns", table.name, table.rows, table.dim),
                              "give it one of each at least");
  return Planner(tables, setting, options).plan();
}

}  // namespace cohort::trainer
