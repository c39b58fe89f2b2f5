#include "datasets/synth/clicks.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <string>

#include "datasets/synth/columns.h"

namespace cohort::datasets {
namespace {

constexpr std::size_t kClicksPiece = 64;  // rows made at a time
constexpr uint64_t kClicksAside = 8192;   // rows from which b is found
constexpr uint64_t kClicksRetries = 64;   // places a draw has for further attempts

std::size_t clicks_size(int64_t n) { return static_cast<std::size_t>(n); }

/// Where a row's random words lie: the label's, one a value, then two gaps a word.
struct ClicksLayout {
  std::size_t dense, categorical, gaps, words;
  explicit ClicksLayout(const ClicksOptions& options)
      : dense(1),
        categorical(dense + clicks_size(options.dense)),
        gaps(categorical + clicks_size(options.categorical)),
        words((gaps + clicks_size(options.dense + options.categorical + 1) / 2 + 3) / 4 * 4) {}
};

/// Values of each categorical column.
std::vector<uint64_t> clicks_sizes(const ClicksOptions& options) {
  std::vector<uint64_t> sizes;
  for (int64_t f = 0; f < options.categorical; ++f) {
    const double e = options.categorical == 1 ? 0 : static_cast<double>(f) / static_cast<double>(options.categorical - 1);
    const auto largest = static_cast<double>(options.ids), smallest = static_cast<double>(options.smallest);
    const double size = core::portable_pow(largest, 1 - e) * core::portable_pow(smallest, e);
    sizes.push_back(static_cast<uint64_t>(size + 0.5));
  }
  return sizes;
}

double dense_centre(std::size_t j) { return 1 + static_cast<double>((j + 1) % 4) / 2; }

/// b with mean logistic(b + x) = rate, by bisection.
double solved_intercept(const std::vector<double>& log_odds, double rate) {
  double low = -60, high = 60;
  for (int i = 0; i < 60; ++i) {
    const double b = (low + high) / 2;
    double sum = 0;
    for (const double x : log_odds) sum += core::portable_logistic(b + x);
    (sum < rate * static_cast<double>(log_odds.size()) ? low : high) = b;
  }
  return (low + high) / 2;
}

Schema clicks_schema(const void* made) {
  const auto& options = *static_cast<const ClicksOptions*>(made);
  Schema schema;
  schema.columns.push_back(time_column("shown_at"));
  for (int64_t j = 1; j <= options.dense; ++j) schema.columns.push_back(dense_column("d" + std::to_string(j)));
  for (const uint64_t size : clicks_sizes(options)) {
    schema.columns.push_back(code_column("c" + std::to_string(schema.columns.size() - clicks_size(options.dense)), size));
  }
  schema.columns.push_back(binary_label("click"));
  schema.columns.push_back(truth(dense_column("true_probability")));
  return schema;
}

class ClicksFiller {
 public:
  ClicksFiller(const ClicksOptions& options, uint64_t seed)
      : options_(options), law_(options, seed), dense_(clicks_size(options.dense)), categorical_(clicks_size(options.categorical)) {}

  void fill(uint64_t first, uint64_t count, RowBlock& block) const {
    block.row.resize(count);
    block.columns.assign(dense_ + categorical_ + 3, {});
    block.columns.front().longs.resize(count);
    for (std::size_t j = 0; j < dense_; ++j) block.columns[1 + j].floats.resize(count);
    for (std::size_t f = 0; f < categorical_; ++f) block.columns[1 + dense_ + f].ints.resize(count);
    block.columns[block.columns.size() - 2].floats.resize(count);
    block.columns.back().floats.resize(count);
    Piece piece{std::vector<float>(kClicksPiece * dense_), std::vector<int32_t>(kClicksPiece * categorical_),
                std::vector<uint32_t>(kClicksPiece)};
    for (std::size_t at = 0; at < count; at += kClicksPiece)
      fill_piece(first, at, std::min<std::size_t>(kClicksPiece, count - at), piece, block);
  }

 private:
  struct Piece {
    std::vector<float> dense;
    std::vector<int32_t> codes;
    std::vector<uint32_t> clicks;
  };

  void fill_piece(uint64_t first, std::size_t at, std::size_t rows, Piece& piece, RowBlock& block) const {
    law_.draw(0, first + at, rows, piece.dense, piece.codes, piece.clicks);
    for (std::size_t i = 0; i < rows; ++i) {
      const uint64_t row = first + at + i;
      const std::span<const float> dense(piece.dense.data() + i * dense_, dense_);
      const std::span<const int32_t> codes(piece.codes.data() + i * categorical_, categorical_);
      const double probability = core::portable_logistic(law_.log_odds(law_.parts(dense, codes)));
      block.row[at + i] = row;
      block.columns.front().longs[at + i] = synth_time(row, options_.rows_per_day);
      for (std::size_t j = 0; j < dense_; ++j) block.columns[1 + j].floats[at + i] = dense[j];
      for (std::size_t f = 0; f < categorical_; ++f) block.columns[1 + dense_ + f].ints[at + i] = codes[f];
      block.columns[block.columns.size() - 2].floats[at + i] = open_unit(piece.clicks[i]) < probability ? 1.0f : 0.0f;
      block.columns.back().floats[at + i] = static_cast<float>(probability);
    }
  }

  ClicksOptions options_;
  ClicksLaw law_;
  std::size_t dense_, categorical_;
};

RowFiller clicks_filler(const void* options, uint64_t seed) {
  const auto filler = std::make_shared<const ClicksFiller>(*static_cast<const ClicksOptions*>(options), seed);
  return [filler](uint64_t first, uint64_t count, RowBlock& block) { filler->fill(first, count, block); };
}

}  // namespace

ClicksLaw::ClicksLaw(const ClicksOptions& options, uint64_t seed) : options_(options), seed_(seed) {
  for (const uint64_t n : clicks_sizes(options)) {
    const auto f = static_cast<uint32_t>(fields_.size());
    fields_.push_back({n, Zipf(n, options.zipf), Scatter(n), core::KeyedRandom(seed, "synth.clicks.value", f)});
  }
  const auto dense_count = clicks_size(options.dense), field_count = clicks_size(options.categorical);
  std::vector<float> dense(kClicksAside * dense_count);
  std::vector<int32_t> codes(kClicksAside * field_count);
  std::vector<uint32_t> clicks(kClicksAside);
  draw(1, 0, kClicksAside, dense, codes, clicks);
  std::vector<double> log_odds_aside;
  for (std::size_t i = 0; i < kClicksAside; ++i) {
    const auto row_dense = std::span(dense).subspan(i * dense_count, dense_count);
    const auto row_codes = std::span(codes).subspan(i * field_count, field_count);
    log_odds_aside.push_back(log_odds(parts(row_dense, row_codes)));
  }
  intercept_ = solved_intercept(log_odds_aside, options.rate);
}

void ClicksLaw::draw(uint32_t stream, uint64_t first, std::size_t rows, std::span<float> dense, std::span<int32_t> codes,
                     std::span<uint32_t> clicks) const {
  const ClicksLayout layout(options_);
  const std::size_t dense_count = clicks_size(options_.dense), field_count = fields_.size();
  const auto gap_below = static_cast<uint32_t>(options_.missing * 65536 + 0.5);
  const core::KeyedRandom random(seed_, "synth.clicks.row", stream), retries(seed_, "synth.clicks.retry", stream);
  std::vector<uint32_t> words(layout.words * rows);
  random.fill_u32(words, first * layout.words);
  for (std::size_t i = 0; i < rows; ++i) {
    const uint32_t* const mine = words.data() + i * layout.words;
    const auto gap = [&](std::size_t column) { return (mine[layout.gaps + column / 2] >> (column % 2 * 16) & 0xFFFF) < gap_below; };
    clicks[i] = mine[0];
    for (std::size_t j = 0; j < dense_count; ++j) {
      const double x = std::floor(core::portable_exp(dense_centre(j) + normal_of(mine[layout.dense + j])));
      dense[i * dense_count + j] = gap(j) ? std::numeric_limits<float>::quiet_NaN() : static_cast<float>(x);
    }
    for (std::size_t f = 0; f < field_count; ++f) {
      const uint64_t further = ((first + i) * field_count + f) * kClicksRetries;
      const uint64_t rank =
          fields_[f].popularity.draw([&](uint64_t t) { return t == 0 ? mine[layout.categorical + f] : retries.u32(further + t - 1); });
      codes[i * field_count + f] = gap(dense_count + f) ? -1 : static_cast<int32_t>(fields_[f].scatter.code(rank - 1));
    }
  }
}

ClicksLaw::Parts ClicksLaw::parts(std::span<const float> dense, std::span<const int32_t> codes) const {
  constexpr double kRootHalf = 0.70710678118654752440, kRootThird = 0.57735026918962576451;
  Parts parts;
  double before = 0;
  for (std::size_t j = 0; j < dense.size(); ++j) {
    const double v = std::isnan(dense[j]) ? 0 : core::portable_log(1 + static_cast<double>(dense[j])) - dense_centre(j);
    if (!std::isnan(dense[j])) parts.additive += j % 2 == 0 ? v : (v * v - 1) * kRootHalf;
    if (j % 2 == 1 && j / 2 < dense.size() / 4) parts.crossed += before * v;
    before = v;
  }
  // Pairs come from the last column on: the first column of each is met with its partner's factors at hand.
  const std::size_t paired_from = codes.size() - 2 * clicks_size(options_.crosses);
  std::array<double, kFactors> partner{};
  for (std::size_t f = 0; f < codes.size(); ++f) {
    std::array<double, kFactors> factors{};
    if (codes[f] >= 0) {
      const auto words = fields_[f].values.block(static_cast<uint64_t>(codes[f]));
      parts.additive += even_of(words[0]);
      for (std::size_t t = 0; t < kFactors; ++t) factors[t] = even_of(words[t + 1]);
    }
    const bool second = f >= paired_from && (f - paired_from) % 2 == 1;
    for (std::size_t t = 0; second && t < kFactors; ++t) parts.crossed += factors[t] * partner[t] * kRootThird;
    partner = factors;
  }
  const std::size_t columns = dense.size() + codes.size(), pairs = clicks_size(options_.crosses) + dense.size() / 4;
  if (columns > 0) parts.additive /= std::sqrt(static_cast<double>(columns));
  if (pairs > 0) parts.crossed /= std::sqrt(static_cast<double>(pairs));
  return parts;
}

void ClicksOptions::describe(core::Describe<ClicksOptions>& d) {
  using O = ClicksOptions;
  d.field("dense", &O::dense, "dense columns").min(0).max(1000);
  d.field("categorical", &O::categorical, "categorical columns").min(1).max(1000);
  d.field("ids", &O::ids, "values of the largest categorical column").min(2).max(kMostSynthIds);
  d.field("smallest", &O::smallest, "values of the smallest; those between shrink by equal factors").min(2).max(kMostSynthIds);
  d.field("zipf", &O::zipf, "exponent of the popularity of values: 0 is even").min(0).max(4);
  d.field("rate", &O::rate, "mean probability of a click, nearly").above(0).below(1);
  d.field("crosses", &O::crosses, "pairs of categorical columns that act together").min(0).max(500);
  d.field("additive_effect", &O::additive_effect, "standard deviation of single columns' part of the log-odds").min(0).max(10);
  d.field("crossed_effect", &O::crossed_effect, "standard deviation of the pairs' part of the log-odds").min(0).max(10);
  d.field("missing", &O::missing, "share of missing values in every column").min(0).max(1);
  d.field("rows_per_day", &O::rows_per_day, "impressions a day").min(1).max(1e12);
  d.rule(
      "crosses", [](const O& o) { return 2 * o.crosses > o.categorical ? "crosses pairs up more columns than there are" : ""; },
      "at most half of categorical");
  d.rule(
      "smallest", [](const O& o) { return o.smallest > o.ids ? "smallest is more than ids" : ""; },
      "at most ids; equal for columns of one size");
}

Generator clicks_generator() {
  return {"impressions with dense and categorical fields, planted crosses and Zipf ids; truth: the probability of a click",
          &core::Schema::of<ClicksOptions>(),
          1'000'000,
          clicks_schema,
          clicks_filler,
          nullptr};
}

}  // namespace cohort::datasets
