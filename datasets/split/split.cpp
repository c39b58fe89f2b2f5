#include "datasets/split/split.h"

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <numeric>

#include <fmt/format.h>
#include <xxhash.h>

#include "core/error.h"
#include "core/log.h"
#include "datasets/split/fold_file.h"
#include "datasets/split/split_draw.h"

namespace cohort::datasets {
namespace {

constexpr int64_t kMostFolds = 64;  // bits of a mask

/// Makes the assignment of each stored row.
class Maker {
 public:
  Maker(const Dataset& dataset, const SplitOptions& options, int64_t fold, const std::string& label, uint64_t seed)
      : dataset_(dataset), options_(options), fold_(fold), label_(label), seed_(seed), parts_(dataset.rows(), Part::kTrain), numbers_(dataset.rows()) {
    if (dataset.rows() == 0) throw core::usage_error("the dataset has no rows", "import some");
    dataset.read_row_numbers(0, numbers_);
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
    const std::vector<std::string> ids = read_ids(dataset_, need_column("the id whose rows stay together"));
    for (uint64_t i = 0; i < parts_.size(); ++i) {
      const double share = hash_share(ids[i], seed_, "split");
      if (has_folds()) {
        const auto fold = static_cast<int64_t>(share * static_cast<double>(options_.folds));
        if (fold == fold_) parts_[i] = Part::kTest;
        else if (hash_share(ids[i], seed_, fmt::format("split.valid.{}", fold_)) < options_.valid) parts_[i] = Part::kValid;
      } else if (share < options_.test) {
        parts_[i] = Part::kTest;
      } else if (share < options_.test + options_.valid) {
        parts_[i] = Part::kValid;
      }
    }
  }

  std::vector<uint64_t> rows_in(Part part) const {
    std::vector<uint64_t> rows;
    for (uint64_t i = 0; i < parts_.size(); ++i) {
      if (parts_[i] == part) rows.push_back(i);
    }
    return rows;
  }

  void stratified() {
    const std::vector<int32_t> strata = read_strata(dataset_, label_);
    const auto shuffled = shuffled_strata(rows_in(Part::kTrain), strata, numbers_, seed_, "split");
    if (has_folds()) {
      // Each stratum is dealt round robin, from where the one before it ended: folds differ by one row at most.
      uint64_t dealt = 0;
      for (const auto& rows : shuffled) {
        for (const uint64_t row : rows) {
          if (static_cast<int64_t>(dealt++ % static_cast<uint64_t>(options_.folds)) == fold_) parts_[row] = Part::kTest;
        }
      }
      draw_valid(strata, fmt::format("split.valid.{}", fold_));
      return;
    }
    for (const auto& rows : shuffled) {
      const uint64_t test = rounded_share(rows.size(), options_.test);
      const uint64_t valid = std::min(rounded_share(rows.size(), options_.valid), rows.size() - test);
      for (uint64_t i = 0; i < test + valid; ++i) parts_[rows[i]] = i < test ? Part::kTest : Part::kValid;
    }
  }

  /// Moves the share `valid` of the training rows to the validation part.
  void draw_valid(const std::vector<int32_t>& strata, const std::string& purpose) {
    for (const auto& rows : shuffled_strata(rows_in(Part::kTrain), strata, numbers_, seed_, purpose)) {
      const uint64_t valid = rounded_share(rows.size(), options_.valid);
      for (uint64_t i = 0; i < valid; ++i) parts_[rows[i]] = Part::kValid;
    }
  }

  void by_time() {
    const Column& column = need_column("the time column");
    if (column.kind != Kind::kTime) {
      throw core::usage_error("split.column: \"" + column.name + "\" is of kind " + to_string(column.kind) + ", not time", "name a time column");
    }
    std::vector<int64_t> times(dataset_.rows());
    dataset_.read(column, 0, std::span<int64_t>(times));
    std::vector<int64_t> sorted;
    for (const int64_t time : times) {
      if (time != kNoInteger) sorted.push_back(time);
    }
    if (sorted.empty()) throw core::usage_error("split.column: \"" + column.name + "\" holds no time", "use another split");
    if (sorted.size() < times.size()) {
      spdlog::warn("{} rows have no {}: they belong to no part of the split", times.size() - sorted.size(), column.name);
    }
    std::sort(sorted.begin(), sorted.end());
    const uint64_t n = sorted.size(), test = rounded_share(n, options_.test), valid = std::min(rounded_share(n, options_.valid), n - test);
    // The first time of each part; past the last time where it is empty. Ties at a border go to the newer part.
    auto first_time = [&](uint64_t index) { return index < n ? sorted[index] : INT64_MAX; };
    const int64_t test_from = first_time(n - test), valid_from = std::min(test_from, first_time(n - test - valid));
    for (uint64_t i = 0; i < parts_.size(); ++i) {
      if (times[i] == kNoInteger) parts_[i] = Part::kNone;
      else if (test > 0 && times[i] >= test_from) parts_[i] = Part::kTest;
      else if (valid > 0 && times[i] >= valid_from) parts_[i] = Part::kValid;
    }
  }

  Part named(const std::string& name) const {
    if (name.empty()) return Part::kNone;
    if (name == options_.train_value) return Part::kTrain;
    if (name == options_.valid_value) return Part::kValid;
    if (name == options_.test_value) return Part::kTest;
    return Part::kNone;
  }

  void draw_valid_if_unnamed() {
    if (options_.valid_value.empty() && options_.valid > 0) draw_valid(read_strata(dataset_, label_), "split.valid");
  }

  void by_column() {
    const Column& column = need_column("the column that names each row's part");
    if (column.kind == Kind::kCategorical) {
      std::vector<int32_t> codes(dataset_.rows());
      dataset_.read(column, 0, std::span<int32_t>(codes));
      for (uint64_t i = 0; i < parts_.size(); ++i) parts_[i] = named(column.dictionary.text(codes[i]));
    } else if (is_ragged(column) && column.kind != Kind::kSequence) {
      std::vector<std::string> values;
      dataset_.read(column, 0, values, dataset_.rows());
      std::transform(values.begin(), values.end(), parts_.begin(), [&](const std::string& value) { return named(value); });
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
    const std::vector<uint64_t> folds = read_fold_file(options_.fold_file, "fold", numbers_);
    const uint64_t highest = *std::max_element(folds.begin(), folds.end());
    if (static_cast<uint64_t>(fold_) > highest) {
      throw core::usage_error(fmt::format("data.fold = {} is out of range: {} has folds 0 to {}", fold_, options_.fold_file, highest), "choose one of them");
    }
    std::vector<uint64_t> masks;
    if (!options_.valid_file.empty()) {
      if (fold_ >= kMostFolds) throw core::usage_error("split.valid_file: a mask has bits for folds 0 to 63", "take out split.valid_file");
      masks = read_fold_file(options_.valid_file, "mask", numbers_);
    }
    for (uint64_t i = 0; i < parts_.size(); ++i) {
      const bool valid = !masks.empty() && (masks[i] >> fold_ & 1) != 0;
      if (folds[i] == static_cast<uint64_t>(fold_)) {
        if (valid) {
          throw core::usage_error(fmt::format("row {} is in fold {} and also in its validation part", numbers_[i], fold_), "correct the mask")
              .at({options_.valid_file, 0, 0});
        }
        parts_[i] = Part::kTest;
      } else if (valid) {
        parts_[i] = Part::kValid;
      }
    }
    if (masks.empty() && options_.valid > 0) draw_valid(read_strata(dataset_, label_), fmt::format("split.valid.{}", fold_));
  }

  const Dataset& dataset_;
  const SplitOptions& options_;
  int64_t fold_;
  const std::string& label_;
  uint64_t seed_;
  std::vector<Part> parts_;
  std::vector<uint64_t> numbers_;
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

void SplitOptions::describe(core::Describe<SplitOptions>& d) {
  d.field("method", &SplitOptions::method, "how rows come to their parts").one_of({"hash", "stratified", "time", "column", "parts", "folds"});
  d.field("valid", &SplitOptions::valid, "share of the validation part; with folds, of the rows outside the test fold").min(0).below(1);
  d.field("test", &SplitOptions::test, "share of the test part (hash, stratified, time)").min(0).below(1);
  d.field("column", &SplitOptions::column, "hash: the id whose rows stay together; time: the time; column: holds each row's part");
  d.field("train_value", &SplitOptions::train_value, "name of the training part (column, parts)").non_empty();
  d.field("valid_value", &SplitOptions::valid_value, "name of the validation part; empty draws `valid` of the training rows (column, parts)");
  d.field("test_value", &SplitOptions::test_value, "name of the test part; empty for none (column, parts)");
  d.field("folds", &SplitOptions::folds, "number of folds, of which data.fold is the test part; 0 for none (hash, stratified)").min(0).max(1000);
  d.field("fold_file", &SplitOptions::fold_file, "CSV file `row,fold`, also compressed (folds)");
  d.field("valid_file", &SplitOptions::valid_file, "CSV file `row,mask`: bit f is set where the row is in fold f's validation part (folds)");
  d.rule("valid", [](const SplitOptions& o) -> std::string {
    const bool shares = o.method == "hash" || o.method == "stratified" || o.method == "time";
    return shares && o.folds == 0 && o.valid + o.test >= 1 ? "split.valid and split.test leave nothing to train on" : "";
  }, "make their sum less than 1");
  d.rule("folds", [](const SplitOptions& o) -> std::string { return o.folds == 1 ? "one fold leaves nothing to train on" : ""; },
         "take 2 or more, or 0 for none");
  d.rule("column", [](const SplitOptions& o) -> std::string {
    const bool needed = o.method == "hash" || o.method == "time" || o.method == "column";
    return needed && o.column.empty() ? "method \"" + o.method + "\" needs split.column" : "";
  }, "name the column");
  d.rule("fold_file", [](const SplitOptions& o) -> std::string {
    return o.method == "folds" && o.fold_file.empty() ? "method \"folds\" needs split.fold_file" : "";
  }, "name a CSV file row,fold");
}

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
