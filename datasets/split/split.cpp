#include "datasets/split/split.h"

#include <algorithm>
#include <cstdint>
#include <functional>
#include <span>
#include <string_view>

#include <fmt/format.h>
#include <xxhash.h>

#include "core/error.h"
#include "core/log.h"
#include "datasets/split/dealing_rules.h"
#include "datasets/split/fold_file.h"
#include "datasets/split/order_statistics.h"
#include "datasets/split/split_draw.h"
#include "datasets/split/strata.h"
#include "datasets/split/stretches.h"

namespace cohort::datasets {
namespace {

constexpr int64_t kMostFolds = 64;  // bits of a mask
constexpr uint64_t kSignBit = uint64_t{1} << 63;

/// Makes the assignment of each stored row. Memory: a byte a row, what a draw needs (deal()), and one stretch of a column.
class Maker {
 public:
  Maker(const Dataset& dataset, const SplitOptions& options, int64_t fold, const std::string& label, uint64_t seed)
      : dataset_(dataset), options_(options), fold_(fold), label_(label), seed_(seed), parts_(dataset.rows(), Part::kTrain) {
    if (dataset.rows() == 0) throw core::usage_error("the dataset has no rows", "import some");
  }

  std::vector<Part> make() {
    check_fold();
    if (options_.method == "hash") by_hash();
    else if (options_.method == "stratified") stratified();
    else if (options_.method == "time") by_time();
    else if (options_.method == "column") by_column();
    else if (options_.method == "parts") by_input();
    else if (options_.method == "folds") by_fold_file();
    else throw core::usage_error("split.method: there is no method \"" + options_.method + "\"", "take hash, stratified, time, column, parts or folds");
    return std::move(parts_);
  }

 private:
  bool has_folds() const { return options_.folds > 0; }

  void check_fold() const {
    const bool drawn = options_.method == "hash" || options_.method == "stratified";
    if (has_folds() && !drawn) {
      throw core::usage_error("split.folds: method \"" + options_.method + "\" draws no folds", "take out split.folds, or use method = \"stratified\"");
    }
    if (has_folds() && fold_ < 0) {
      throw core::usage_error(fmt::format("split.folds = {} needs data.fold, which says which fold is tested", options_.folds),
                              fmt::format("run with --set data.fold=0, and again up to {}", options_.folds - 1));
    }
    if (has_folds() && fold_ >= options_.folds) {
      throw core::usage_error(fmt::format("data.fold = {} is out of range: there are {} folds, 0 to {}", fold_, options_.folds, options_.folds - 1),
                              "choose one of them");
    }
    if (fold_ >= 0 && !has_folds() && options_.method != "folds") {
      throw core::usage_error(fmt::format("data.fold = {} is set, but the split has no folds", fold_),
                              drawn ? "set split.folds, or take out data.fold" : "take out data.fold, or use a method with folds");
    }
  }

  const Column& need_column(const char* what) const {
    if (options_.column.empty()) {
      throw core::usage_error(fmt::format("split.column is not set: method \"{}\" needs {}", options_.method, what), "name the column");
    }
    return dataset_.schema().at(options_.column);
  }

  void by_hash() {
    const Column& column = need_column("the id whose rows stay together");
    const HashShare share_of(seed_, "split"), valid_share_of(seed_, fmt::format("split.valid.{}", fold_));
    each_id(dataset_, column, [&](uint64_t row, std::string_view id) {
      const double share = share_of(id);
      if (has_folds()) {
        const auto fold = static_cast<int64_t>(share * static_cast<double>(options_.folds));
        if (fold == fold_) parts_[row] = Part::kTest;
        else if (valid_share_of(id) < options_.valid) parts_[row] = Part::kValid;
      } else if (share < options_.test) {
        parts_[row] = Part::kTest;
      } else if (share < options_.test + options_.valid) {
        parts_[row] = Part::kValid;
      }
    });
  }

  void stratified() {
    const Strata strata(dataset_, label_);
    if (has_folds()) {
      RoundRobin rule(static_cast<uint64_t>(options_.folds), static_cast<uint64_t>(fold_));
      deal(dataset_, strata, seed_, "split", rule, parts_);
      draw_valid(strata, fmt::format("split.valid.{}", fold_));
      return;
    }
    Shares rule(options_.test, options_.valid);
    deal(dataset_, strata, seed_, "split", rule, parts_);
  }

  /// Moves the share `valid` of the training rows to the validation part.
  void draw_valid(const Strata& strata, const std::string& purpose) {
    Shares rule(0, options_.valid);
    deal(dataset_, strata, seed_, purpose, rule, parts_);
  }

  void by_time() {
    const Column& column = need_column("the time column");
    if (column.kind != Kind::kTime) {
      throw core::usage_error("split.column: \"" + column.name + "\" is of kind " + to_string(column.kind) + ", not time", "name a time column");
    }
    const OrderStatistics known([&](const std::function<void(std::span<const uint64_t>)>& use) {
      std::vector<uint64_t> keys;
      each_time(column, [&](uint64_t, std::span<const int64_t> times) {
        keys.clear();
        for (const int64_t time : times) {
          if (time != kNoInteger) keys.push_back(static_cast<uint64_t>(time) ^ kSignBit);
        }
        use(keys);
      });
    });
    const uint64_t n = known.count();
    if (n == 0) throw core::usage_error("split.column: \"" + column.name + "\" holds no time", "use another split");
    if (n < parts_.size()) spdlog::warn("{} rows have no {}: they belong to no part of the split", parts_.size() - n, column.name);
    const uint64_t test = rounded_share(n, options_.test), valid = std::min(rounded_share(n, options_.valid), n - test);
    // The first time of each part. Ties at a border go to the newer part.
    std::vector<uint64_t> places;
    if (test > 0) places.push_back(n - test);
    if (valid > 0) places.push_back(n - test - valid);
    const std::vector<uint64_t> borders = known.at(places);
    const auto time_of = [](uint64_t key) { return static_cast<int64_t>(key ^ kSignBit); };
    const int64_t test_from = test > 0 ? time_of(borders.front()) : INT64_MAX, valid_from = valid > 0 ? time_of(borders.back()) : INT64_MAX;
    each_time(column, [&](uint64_t first, std::span<const int64_t> times) {
      for (std::size_t i = 0; i < times.size(); ++i) {
        Part& part = parts_[first + i];
        if (times[i] == kNoInteger) part = Part::kNone;
        else if (test > 0 && times[i] >= test_from) part = Part::kTest;
        else if (valid > 0 && times[i] >= valid_from) part = Part::kValid;
      }
    });
  }

  /// Calls use(first, times) for stretches of stored rows.
  template <class Use>
  void each_time(const Column& column, Use use) const {
    std::vector<int64_t> times;
    each_stretch(dataset_, [&](uint64_t first, uint64_t rows) {
      times.resize(rows);
      dataset_.read(column, first, std::span<int64_t>(times));
      use(first, std::span<const int64_t>(times));
    });
  }

  Part named(const std::string& name) const {
    if (name.empty()) return Part::kNone;
    if (name == options_.train_value) return Part::kTrain;
    if (name == options_.valid_value) return Part::kValid;
    if (name == options_.test_value) return Part::kTest;
    return Part::kNone;
  }

  void draw_valid_if_unnamed() {
    if (options_.valid_value.empty() && options_.valid > 0) draw_valid(Strata(dataset_, label_), "split.valid");
  }

  void by_column() {
    const Column& column = need_column("the column that names each row's part");
    if (column.kind == Kind::kCategorical) {
      std::vector<Part> part_of{named(column.dictionary.text(-1))};
      for (std::size_t code = 0; code < column.dictionary.size(); ++code) part_of.push_back(named(column.dictionary.text(static_cast<int32_t>(code))));
      std::vector<int32_t> codes;
      each_stretch(dataset_, [&](uint64_t first, uint64_t rows) {
        codes.resize(rows);
        dataset_.read(column, first, std::span<int32_t>(codes));
        for (uint64_t i = 0; i < rows; ++i) parts_[first + i] = part_of[static_cast<std::size_t>(codes[i] + 1)];
      });
    } else if (is_ragged(column) && column.kind != Kind::kSequence) {
      std::vector<std::string> values;
      each_stretch(dataset_, [&](uint64_t first, uint64_t rows) {
        dataset_.read(column, first, values, rows);
        for (uint64_t i = 0; i < rows; ++i) parts_[first + i] = named(values[i]);
      });
    } else {
      throw core::usage_error("split.column: \"" + column.name + "\" is of kind " + to_string(column.kind) + " and holds no names",
                              "name a categorical column, or an id or text column of strings");
    }
    draw_valid_if_unnamed();
  }

  void by_input() {
    for (const Shard& shard : dataset_.shards()) {
      const auto first = parts_.begin() + static_cast<std::ptrdiff_t>(shard.first);
      std::fill(first, first + static_cast<std::ptrdiff_t>(shard.rows), named(shard.part));
    }
    draw_valid_if_unnamed();
  }

  void by_fold_file() {
    if (options_.fold_file.empty()) throw core::usage_error("split.fold_file is not set: method \"folds\" needs it", "name a CSV file row,fold");
    if (fold_ < 0) throw core::usage_error("split.method = \"folds\" needs data.fold, which says which fold is tested", "run with --set data.fold=0");
    const auto tested = static_cast<uint64_t>(fold_);
    uint64_t highest = 0;
    bool up_to_fold = false;  // a row of the dataset is in this fold or a later one
    {
      enum : uint8_t { kEarlier = 1, kTested, kLater };
      const FoldFile folds(options_.fold_file, "fold", dataset_, [&](uint64_t fold) -> uint8_t {
        highest = std::max(highest, fold);
        return fold < tested ? kEarlier : fold == tested ? kTested : kLater;
      });
      each_number([&](uint64_t row, uint64_t number) {
        const uint8_t code = folds.code(number);
        up_to_fold = up_to_fold || code != kEarlier;
        if (code == kTested) parts_[row] = Part::kTest;
      });
    }
    if (!up_to_fold) {
      throw core::usage_error(tested > highest ? fmt::format("data.fold = {} is out of range: {} has folds 0 to {}", fold_, options_.fold_file, highest)
                                               : fmt::format("data.fold = {} is out of range: no row of the dataset is in it", fold_),
                              "choose one of them");
    }
    if (options_.valid_file.empty()) {
      if (options_.valid > 0) draw_valid(Strata(dataset_, label_), fmt::format("split.valid.{}", fold_));
      return;
    }
    if (fold_ >= kMostFolds) throw core::usage_error("split.valid_file: a mask has bits for folds 0 to 63", "take out split.valid_file");
    enum : uint8_t { kOther = 1, kValidated };
    const FoldFile masks(options_.valid_file, "mask", dataset_, [&](uint64_t mask) -> uint8_t { return (mask >> fold_ & 1) != 0 ? kValidated : kOther; });
    each_number([&](uint64_t row, uint64_t number) {
      if (masks.code(number) == kOther) return;
      if (parts_[row] == Part::kTest) {
        throw core::usage_error(fmt::format("row {} is in fold {} and also in its validation part", number, fold_), "correct the mask")
            .at({options_.valid_file, 0, 0});
      }
      parts_[row] = Part::kValid;
    });
  }

  /// Calls use(stored row, row number) for each row.
  template <class Use>
  void each_number(Use use) const {
    std::vector<uint64_t> numbers;
    each_stretch(dataset_, [&](uint64_t first, uint64_t rows) {
      numbers.resize(rows);
      dataset_.read_row_numbers(first, numbers);
      for (uint64_t i = 0; i < rows; ++i) use(first + i, numbers[i]);
    });
  }

  const Dataset& dataset_;
  const SplitOptions& options_;
  int64_t fold_;
  const std::string& label_;
  uint64_t seed_;
  std::vector<Part> parts_;
};

/// A part that was asked for and got no rows is a mistake.
void check_parts(const Split& split, const SplitOptions& options) {
  const bool named = options.method == "column" || options.method == "parts";
  const bool folds = options.folds > 0 || options.method == "folds";
  auto need = [&](Part part, bool wanted, const std::string& value, const char* key) {
    if (!wanted || split.size(part) > 0) return;
    if (named && !value.empty()) {
      const std::string where = options.method == "parts" ? "no input part is called" : "no row of column \"" + options.column + "\" holds";
      throw core::usage_error(fmt::format("the {} part is empty: {} \"{}\"", to_string(part), where, value),
                              fmt::format("set split.{}_value to the name in the data{}", key,
                                          part == Part::kTrain  ? ""
                                          : part == Part::kValid ? ", or to \"\" to draw the share split.valid of the training rows"
                                                                 : ", or to \"\" for no test part"));
    }
    throw core::usage_error(fmt::format("the {} part is empty", to_string(part)),
                            "the dataset is too small for these shares: change split.valid and split.test, or the folds");
  };
  need(Part::kTrain, true, options.train_value, "train");
  need(Part::kValid, named && !options.valid_value.empty() ? true : options.valid > 0 || !options.valid_file.empty(), options.valid_value, "valid");
  need(Part::kTest, named ? !options.test_value.empty() : folds || options.test > 0, options.test_value, "test");
}

}  // namespace

std::string to_string(Part part) {
  switch (part) {
    case Part::kNone: return "none";
    case Part::kTrain: return "train";
    case Part::kValid: return "valid";
    case Part::kTest: return "test";
  }
  return "?";
}

Split::Split(const std::vector<Part>& parts) : parts_(parts) {
  const XXH128_hash_t hash = XXH3_128bits(parts.data(), parts.size());
  hash_ = fmt::format("{:016x}{:016x}", hash.high64, hash.low64);
}

Split Split::make(const Dataset& dataset, const SplitOptions& options, int64_t fold, const std::string& label, uint64_t seed) {
  Split split(Maker(dataset, options, fold, label, seed).make());
  check_parts(split, options);
  return split;
}

Split Split::all(const Dataset& dataset, Part part) { return Split(std::vector<Part>(dataset.rows(), part)); }

}  // namespace cohort::datasets
