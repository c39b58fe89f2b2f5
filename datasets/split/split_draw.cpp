#include "datasets/split/split_draw.h"

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstring>
#include <utility>

#include <xxhash.h>

#include "core/error.h"
#include "core/philox.h"
#include "datasets/split/stretches.h"

namespace cohort::datasets {
namespace {

constexpr int kMostBits = 16;        // of a key that choose its bin
constexpr int kBinsBits = 19;        // of all strata's bins together, unless there are more strata
constexpr uint64_t kLeastBatch = 1 << 20;  // rows that may be sorted at a time, or a sixteenth of all
constexpr uint32_t kUndivided = UINT32_MAX;

struct Drawn {
  uint64_t key, number, row;
  bool operator<(const Drawn& other) const { return std::pair(key, number) < std::pair(other.key, other.number); }
};

/// The rows of a stratum whose keys begin with the same bits.
struct KeyBin {
  uint64_t rows = 0;
  uint64_t first = 0;   ///< place of the first of them in the stratum
  uint64_t start = 0;   ///< and where they stand in their batch
  uint32_t batch = 0;   ///< kUndivided: all get one part, and no batch sorts them
  uint32_t filled = 0;
};

/// Keys of row numbers. Numbers that follow one another, as nearly all do, are taken together.
void keys_of(const core::KeyedRandom& random, std::span<const uint64_t> numbers, std::vector<uint64_t>& keys) {
  std::vector<uint32_t> words;
  keys.resize(numbers.size());
  for (std::size_t i = 0, j = 0; i < numbers.size(); i = j) {
    for (j = i + 1; j < numbers.size() && numbers[j] == numbers[j - 1] + 1; ++j) {}
    if (j - i < 64) {
      for (std::size_t k = i; k < j; ++k) keys[k] = random.u64(numbers[k]);
      continue;
    }
    words.resize(2 * (j - i));
    random.fill_u32(words, 2 * numbers[i]);
    for (std::size_t k = i; k < j; ++k) keys[k] = uint64_t{words[2 * (k - i) + 1]} << 32 | words[2 * (k - i)];
  }
}

class Dealer {
 public:
  Dealer(const Dataset& dataset, const Strata& strata, uint64_t seed, std::string_view purpose, DealingRule& rule, std::vector<Part>& parts)
      : dataset_(dataset), strata_(strata), random_(seed, purpose), rule_(rule), parts_(parts) {
    const int of_strata = std::bit_width(strata.count() - 1), of_rows = std::bit_width(dataset.rows());
    bits_ = std::clamp(kBinsBits - of_strata, 0, std::min(kMostBits, of_rows));
    bins_.resize(strata.count() << bits_);
  }

  void run() {
    each_drawn([this](KeyBin& bin, const Drawn&) { ++bin.rows; });
    plan();
    uint32_t batch = 0;
    do {
      drawn_.resize(batch < batches_.size() ? batches_[batch].rows : 0);
      each_drawn([&](KeyBin& bin, const Drawn& drawn) {
        if (bin.batch == batch) drawn_[bin.start + bin.filled++] = drawn;
        else if (bin.batch == kUndivided && batch == 0) parts_[drawn.row] = rule_.part(stratum_of(bin), bin.first);
      });
      if (batch < batches_.size()) assign(batches_[batch], batch);
    } while (++batch < batches_.size());
  }

 private:
  struct Batch {
    std::size_t first = 0, last = 0;  ///< bins
    uint64_t rows = 0;
  };

  std::size_t stratum_of(const KeyBin& bin) const { return static_cast<std::size_t>(&bin - bins_.data()) >> bits_; }

  /// Calls use(bin, drawn) for the rows that are still to be dealt.
  template <class Use>
  void each_drawn(Use use) {
    each_stretch(dataset_, [&](uint64_t first, uint64_t rows) {
      numbers_.resize(rows);
      codes_.resize(rows);
      dataset_.read_row_numbers(first, numbers_);
      strata_.read(first, codes_);
      keys_of(random_, numbers_, keys_);
      for (uint64_t i = 0; i < rows; ++i) {
        if (parts_[first + i] != Part::kTrain) continue;
        const uint64_t of_stratum = bits_ == 0 ? 0 : keys_[i] >> (64 - bits_);
        use(bins_[std::size_t{codes_[i]} << bits_ | of_stratum], Drawn{keys_[i], numbers_[i], first + i});
      }
    });
  }

  /// Where each bin stands in its stratum, and which batch sorts it.
  void plan() {
    std::vector<uint64_t> sizes(strata_.count(), 0);
    for (KeyBin& bin : bins_) {
      uint64_t& before = sizes[stratum_of(bin)];
      bin.first = before;
      before += bin.rows;
    }
    rule_.begin(sizes);
    const uint64_t most = std::max(kLeastBatch, dataset_.rows() / 16);
    for (std::size_t b = 0; b < bins_.size(); ++b) {
      KeyBin& bin = bins_[b];
      bin.batch = kUndivided;
      if (bin.rows == 0 || rule_.alike(stratum_of(bin), bin.first, bin.first + bin.rows)) continue;
      if (batches_.empty() || batches_.back().rows + bin.rows > most) batches_.push_back({b, b, 0});
      Batch& batch = batches_.back();
      bin.batch = static_cast<uint32_t>(batches_.size() - 1);
      bin.start = batch.rows;
      batch.rows += bin.rows;
      batch.last = b + 1;
    }
  }

  void assign(const Batch& batch, uint32_t number) {
    for (std::size_t b = batch.first; b < batch.last; ++b) {
      const KeyBin& bin = bins_[b];
      if (bin.batch != number) continue;
      const auto first = drawn_.begin() + static_cast<std::ptrdiff_t>(bin.start), last = first + static_cast<std::ptrdiff_t>(bin.rows);
      std::sort(first, last);
      for (uint64_t i = 0; i < bin.rows; ++i) parts_[drawn_[bin.start + i].row] = rule_.part(stratum_of(bin), bin.first + i);
    }
  }

  const Dataset& dataset_;
  const Strata& strata_;
  core::KeyedRandom random_;
  DealingRule& rule_;
  std::vector<Part>& parts_;
  int bits_ = 0;
  std::vector<KeyBin> bins_;  ///< stratum by stratum
  std::vector<Batch> batches_;
  std::vector<Drawn> drawn_;
  std::vector<uint64_t> numbers_, keys_;
  std::vector<uint32_t> codes_;
};

}  // namespace

HashShare::HashShare(uint64_t seed, std::string_view purpose) : key_(XXH3_64bits_withSeed(purpose.data(), purpose.size(), seed)) {}

double HashShare::operator()(std::string_view id) const {
  return static_cast<double>(XXH3_64bits_withSeed(id.data(), id.size(), key_) >> 11) * 0x1p-53;
}

void each_id(const Dataset& dataset, const Column& column, const std::function<void(uint64_t row, std::string_view id)>& use) {
  if (is_ragged(column) && column.kind != Kind::kSequence) {
    std::vector<std::string> ids;
    each_stretch(dataset, [&](uint64_t first, uint64_t rows) {
      dataset.read(column, first, ids, rows);
      for (uint64_t i = 0; i < rows; ++i) use(first + i, ids[i]);
    });
  } else if (column.kind == Kind::kId || column.kind == Kind::kTime) {
    std::vector<int64_t> values;
    each_stretch(dataset, [&](uint64_t first, uint64_t rows) {
      values.resize(rows);
      dataset.read(column, first, std::span<int64_t>(values));
      for (uint64_t i = 0; i < rows; ++i) use(first + i, {reinterpret_cast<const char*>(&values[i]), sizeof(int64_t)});
    });
  } else if (column.kind == Kind::kCategorical) {
    std::vector<int32_t> codes;
    each_stretch(dataset, [&](uint64_t first, uint64_t rows) {
      codes.resize(rows);
      dataset.read(column, first, std::span<int32_t>(codes));
      for (uint64_t i = 0; i < rows; ++i) use(first + i, column.dictionary.text(codes[i]));
    });
  } else {
    throw core::usage_error("split.column: \"" + column.name + "\" is of kind " + to_string(column.kind) + ", and rows are kept together by an id",
                            "name a column of kind id, categorical or time");
  }
}

void deal(const Dataset& dataset, const Strata& strata, uint64_t seed, std::string_view purpose, DealingRule& rule, std::vector<Part>& parts) {
  Dealer(dataset, strata, seed, purpose, rule, parts).run();
}

uint64_t rounded_share(uint64_t n, double p) {
  return std::min(n, static_cast<uint64_t>(std::floor(static_cast<double>(n) * p + 0.5)));
}

}  // namespace cohort::datasets
