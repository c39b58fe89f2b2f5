// Sequences on their way from shards to batches.
#include <cmath>
#include <limits>
#include <map>
#include <set>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "core/comm/communicator.h"
#include "core/error.h"
#include "core/philox.h"
#include "core/toml_document.h"
#include "datasets/loader/loader.h"
#include "tests/datasets/small_dataset.h"
#include "tests/support/thread_communicator.h"

namespace cohort::datasets {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using tests::SmallDataset;

constexpr uint64_t kRows = 700;
constexpr float kNan = std::numeric_limits<float>::quiet_NaN();

/// Row i has i % 13 events: item (i + k) % 20, amount i + k (missing each 9th), time 1000·i + k; number 2i.
class SequencesOf : public testing::Test {
 protected:
  SequencesOf() : dataset(make().write(folder / "d", 64, 250)), split(Split::all(dataset, Part::kTrain)) {}

  static std::size_t events(uint64_t i) { return i % 13; }
  static int32_t item(uint64_t i, std::size_t k) { return static_cast<int32_t>((i + k) % 20); }

  static SmallDataset make() {
    std::vector<std::vector<int32_t>> items;
    std::vector<std::vector<float>> amounts;
    std::vector<std::vector<int64_t>> times;
    std::vector<float> x;
    std::vector<uint64_t> numbers;
    for (uint64_t i = 0; i < kRows; ++i) {
      auto& codes = items.emplace_back();
      auto& values = amounts.emplace_back();
      auto& seconds = times.emplace_back();
      for (std::size_t k = 0; k < events(i); ++k) {
        codes.push_back(item(i, k) == 19 ? -1 : item(i, k));
        values.push_back((i + k) % 9 == 0 ? kNan : static_cast<float>(i + k));
        seconds.push_back(static_cast<int64_t>(1000 * i + k));
      }
      x.push_back(static_cast<float>(i));
      numbers.push_back(2 * i);
    }
    std::vector<std::string> dictionary;
    for (char c = 'a'; c < 'a' + 19; ++c) dictionary.emplace_back(1, c);
    return SmallDataset().dense("x", x).sequence("items", items, dictionary).sequence_of_numbers("amounts", amounts).sequence_of_times("times", times).numbers(numbers);
  }

  FittedFeatures fit(const std::string& toml) const {
    const auto document = core::TomlDocument::parse(toml, "e.toml");
    core::Diagnostics diagnostics(document);
    const auto options = core::read_options<FeatureOptions>(document, diagnostics);
    check_features(options, dataset.schema(), "", diagnostics);
    diagnostics.throw_if_errors();
    const auto comm = core::make_self_communicator();
    return fit_features(options, dataset, split, {}, *comm);
  }

  std::vector<uint64_t> some_rows() const {
    std::vector<uint64_t> rows;
    for (uint64_t i = 0; i < 300; ++i) rows.push_back(i * 457 % kRows);
    return rows;
  }

  TemporaryFolder folder;
  Dataset dataset;
  Split split;
};

const char* const kAll = "[[sequence]]\nmax_length = 8\nscale = \"none\"\n";

TEST_F(SequencesOf, BatchesHoldTheLastElementsAsValuesAndOffsets) {
  const FittedFeatures features = fit(kAll);
  ASSERT_EQ(features.sequences.size(), 3u);
  const std::vector<uint64_t> rows = some_rows();
  for (const char* shuffle : {"full", "block"}) {
    for (const int64_t memory : {0, 64}) {
      LoaderOptions options;
      options.memory_mib = memory;
      options.shuffle = shuffle;
      options.spill = folder.path().string();
      const FeatureStore store(dataset, features, Targets{}, options);
      const RowBatch batch = store.gather(rows);
      ASSERT_EQ(batch.sequences.size(), 3u);
      const SequenceBatch &items = batch.sequences[0], &amounts = batch.sequences[1], &times = batch.sequences[2];
      for (const void* start : {static_cast<const void*>(items.offsets), static_cast<const void*>(items.ids), static_cast<const void*>(amounts.values),
                                static_cast<const void*>(times.times)}) {
        EXPECT_EQ(reinterpret_cast<std::uintptr_t>(start) % 64, 0u);
      }
      EXPECT_EQ(items.values, nullptr);
      EXPECT_EQ(items.targets, nullptr);
      EXPECT_EQ(amounts.ids, nullptr);
      int64_t at = 0;
      for (std::size_t r = 0; r < rows.size(); ++r) {
        const uint64_t i = rows[r];
        const std::size_t first = events(i) - std::min<std::size_t>(events(i), 8);
        ASSERT_EQ(batch.row_ids[r], 2 * i);
        for (const SequenceBatch* sequence : {&items, &amounts, &times}) ASSERT_EQ(sequence->offsets[r], at);
        for (std::size_t k = first; k < events(i); ++k, ++at) {
          ASSERT_EQ(items.ids[at], item(i, k) == 19 ? kMissingIndex : kFirstIndex + item(i, k));
          ASSERT_EQ(amounts.values[at], (i + k) % 9 == 0 ? 0.0f : static_cast<float>(i + k));
          ASSERT_EQ(times.times[at], static_cast<int64_t>(1000 * i + k));
        }
      }
      ASSERT_EQ(items.offsets[rows.size()], at);
    }
  }
}

TEST_F(SequencesOf, FirstElementsCanBeKeptInstead) {
  const FittedFeatures features = fit("[[sequence]]\ncolumns = [\"items\"]\nmax_length = 3\nkeep = \"first\"\n");
  const FeatureStore store(dataset, features, Targets{}, {});
  const RowBatch batch = store.gather(std::vector<uint64_t>{10, 0, 2});
  EXPECT_THAT(std::vector<int64_t>(batch.sequences[0].offsets, batch.sequences[0].offsets + 4), ElementsAre(0, 3, 3, 5));
  EXPECT_THAT(std::vector<int32_t>(batch.sequences[0].ids, batch.sequences[0].ids + 5), ElementsAre(12, 13, 14, 4, 5));
}

TEST_F(SequencesOf, VocabulariesCountWhatTrainingSeesAlone) {
  // With two elements held out and three kept, row i counts its elements k = max(0, n − 5) … n − 3.
  std::map<std::string, int64_t> counts;
  for (uint64_t i = 0; i < kRows; ++i) {
    for (std::size_t k = events(i) > 5 ? events(i) - 5 : 0; k + 2 < events(i); ++k) {
      if (item(i, k) < 19) ++counts[std::string(1, static_cast<char>('a' + item(i, k)))];
    }
  }
  std::vector<int64_t> sorted;
  for (const auto& [value, count] : counts) sorted.push_back(count);
  std::sort(sorted.begin(), sorted.end());
  const int64_t least = sorted[5];
  const FittedFeatures features =
      fit("hold_out = 2\n[[sequence]]\ncolumns = [\"items\"]\nmax_length = 3\nmin_count = " + std::to_string(least) + "\n");
  std::vector<std::string> expected;
  for (const auto& [value, count] : counts) {
    if (count >= least) expected.push_back(value);
  }
  EXPECT_EQ(features.sequences[0].vocabulary.strings, expected);
  EXPECT_EQ(features.sequences[0].cardinality(), 3 + static_cast<int64_t>(expected.size()));
  EXPECT_EQ(features.hold_out, 2);
}

TEST_F(SequencesOf, NumbersAreStandardisedOverAllElementsAndMissingOnesAreTheMean) {
  const FittedFeatures features = fit("[[sequence]]\ncolumns = [\"amounts\"]\n");
  double sum = 0, squares = 0, count = 0;
  for (uint64_t i = 0; i < kRows; ++i) {
    for (std::size_t k = 0; k < events(i); ++k) {
      if ((i + k) % 9 == 0) continue;
      ++count;
      sum += static_cast<double>(i + k);
      squares += static_cast<double>(i + k) * static_cast<double>(i + k);
    }
  }
  const double mean = sum / count, deviation = std::sqrt(squares / count - mean * mean);
  EXPECT_NEAR(features.sequences[0].scale.mean, mean, 1e-3);
  EXPECT_NEAR(features.sequences[0].scale.scale, 1 / deviation, 1e-7);
  const FeatureStore store(dataset, features, Targets{}, {});
  const RowBatch batch = store.gather(std::vector<uint64_t>{5});
  EXPECT_NEAR(batch.sequences[0].values[0], (5 - mean) / deviation, 1e-5);
  EXPECT_EQ(batch.sequences[0].values[4], 0.0f);
}

TEST_F(SequencesOf, FittedSequencesReadBackAndAreTheSameOnAnyNumberOfRanks) {
  const FittedFeatures features = fit("hold_out = 1\n[[sequence]]\nmax_length = 8\n");
  EXPECT_EQ(to_json(features_from_json(to_json(features))).dump(), to_json(features).dump());
  FeatureOptions options;
  options.sequence.emplace_back();
  options.sequence[0].max_length = 8;
  options.hold_out = 1;
  for (const int ranks : {2, 3, 5}) {
    tests::run_ranks(ranks, [&](core::Communicator& comm) {
      const Dataset own = Dataset::open(dataset.folder());
      EXPECT_EQ(to_json(fit_features(options, own, split, {}, comm)).dump(), to_json(features).dump());
    });
  }
}

TEST_F(SequencesOf, MistakesInRulesAreNamed) {
  const auto mistake = [&](const std::string& toml) {
    try {
      fit(toml);
    } catch (const core::Error& error) {
      return std::string(error.what());
    }
    return std::string("nothing was thrown");
  };
  EXPECT_THAT(mistake("[[sequence]]\ncolumns = [\"x\"]\n"), HasSubstr("\"x\" is a column of kind dense, and this rule takes sequence columns"));
  EXPECT_THAT(mistake("[[sequence]]\ncolumns = [\"items\"]\n[[sequence]]\ncolumns = [\"items\"]\n"), HasSubstr("two rules take the sequence column \"items\""));
  EXPECT_THAT(mistake("hold_out = 1\n[[sequence]]\nkeep = \"first\"\n"), HasSubstr("can't be held out"));
  EXPECT_THAT(mistake("[[sequence]]\nmax_length = 0\n"), HasSubstr("max_length"));
  EXPECT_THAT(mistake("[[dense]]\ncolumns = [\"items\"]\n"), HasSubstr("name it in a [[features.sequence]] rule"));
}

/// What a loader shows of each row: items, masks and targets.
using Shown = std::map<uint64_t, std::pair<std::vector<int32_t>, std::vector<int32_t>>>;

Shown shown_by(const Dataset& dataset, const Split& split, const FittedFeatures& features, const LoaderOptions& options, uint64_t batch, int64_t lanes,
               int64_t ranks, uint64_t epoch) {
  Shown shown;
  const auto store = std::make_shared<const FeatureStore>(dataset, features, Targets{}, options);
  const std::shared_ptr<const RowOrder> order = make_row_order(dataset, split, options, "", 3, batch, lanes);
  const uint64_t steps = order->shape().steps();
  for (int64_t rank = 0; rank < ranks; ++rank) {
    Loader loader(store, order, {.first_lane = lanes * rank / ranks, .last_lane = lanes * (rank + 1) / ranks, .first_step = epoch * steps,
                                 .last_step = (epoch + 1) * steps, .view = training_view(options.sequences, features, 3)}, options);
    for (uint64_t s = 0; s < steps; ++s) {
      for (const RowBatch& lane : loader.next().lanes) {
        const SequenceBatch& items = lane.sequences[0];
        for (int64_t r = 0; r < lane.rows; ++r) {
          auto& [ids, targets] = shown[lane.row_ids[static_cast<std::size_t>(r)]];
          ids.assign(items.ids + items.offsets[r], items.ids + items.offsets[r + 1]);
          if (items.targets != nullptr) targets.assign(items.targets + items.offsets[r], items.targets + items.offsets[r + 1]);
        }
      }
    }
  }
  return shown;
}

TEST_F(SequencesOf, WhatIsShownDependsOnTheRowAndTheEpochAlone) {
  const FittedFeatures features = fit("hold_out = 1\n[[sequence]]\nmax_length = 8\n");
  for (const char* task : {"none", "next", "masked"}) {
    LoaderOptions options;
    options.sequences.task = task;
    options.sequences.crop = 4;
    const Shown one = shown_by(dataset, split, features, options, 64, 4, 1, 1);
    ASSERT_EQ(one.size(), kRows);
    options.threads = 3;
    EXPECT_EQ(shown_by(dataset, split, features, options, 64, 4, 1, 1), one);
    EXPECT_EQ(shown_by(dataset, split, features, options, 64, 4, 3, 1), one);
    EXPECT_EQ(shown_by(dataset, split, features, options, 100, 2, 1, 1), one);
    options.shuffle = "block";
    options.block_chunks = 2;
    EXPECT_EQ(shown_by(dataset, split, features, options, 64, 4, 2, 1), one);
    EXPECT_NE(shown_by(dataset, split, features, options, 64, 4, 2, 2), one);
  }
}

TEST_F(SequencesOf, TargetsAreTheNextElementsAndMasksHideTheirs) {
  const FittedFeatures features = fit("hold_out = 1\n[[sequence]]\nmax_length = 8\n");
  const int32_t mask = features.sequences[0].mask_index();
  LoaderOptions options;
  options.sequences.crop = 4;
  options.sequences.task = "next";
  for (const auto& [row, shown] : shown_by(dataset, split, features, options, 64, 4, 1, 0)) {
    const auto& [ids, targets] = shown;
    const std::size_t open = events(row / 2) - std::min<std::size_t>(events(row / 2), 1);
    ASSERT_EQ(ids.size(), std::min<std::size_t>(4, open - std::min<std::size_t>(open, 1)));
    for (std::size_t p = 0; p + 1 < ids.size(); ++p) ASSERT_EQ(targets[p], ids[p + 1]);
    if (!ids.empty()) {
      ASSERT_GE(targets.back(), kMissingIndex);
    }
  }
  options.sequences.task = "masked";
  options.sequences.mask = 0.5;
  for (const auto& [row, shown] : shown_by(dataset, split, features, options, 64, 4, 1, 0)) {
    const auto& [ids, targets] = shown;
    const uint64_t i = row / 2;
    for (std::size_t p = 0; p < ids.size(); ++p) ASSERT_EQ(ids[p] == mask, targets[p] >= 0);
    if (!ids.empty()) {
      ASSERT_GE(std::count(ids.begin(), ids.end(), mask), 1);
    }
    // What isn't masked, and what was, together are a stretch of the row.
    bool found = ids.empty();
    for (std::size_t begin = 0; begin + ids.size() < events(i) && !found; ++begin) {
      found = true;
      for (std::size_t p = 0; p < ids.size() && found; ++p) {
        const int32_t whole = item(i, begin + p) == 19 ? kMissingIndex : kFirstIndex + item(i, begin + p);
        found = (ids[p] == mask ? targets[p] : ids[p]) == whole;
      }
    }
    ASSERT_TRUE(found) << "row " << i;
  }
}

TEST_F(SequencesOf, EvaluationShowsTheHeldOutElementAsATarget) {
  const FittedFeatures features = fit("hold_out = 2\n[[sequence]]\nmax_length = 3\n");
  SequenceOptions options;
  options.task = "next";
  const FeatureStore store(dataset, features, Targets{}, {});
  const auto last = [&](int64_t hidden) {
    const RowBatch batch = store.gather(std::vector<uint64_t>{12}, evaluation_view(options, features, hidden));
    const SequenceBatch& items = batch.sequences[0];
    std::vector<int32_t> ids(items.ids, items.ids + items.offsets[1]);
    ids.push_back(items.targets[items.offsets[1] - 1]);
    return ids;
  };
  const auto index = [](std::size_t k) { return kFirstIndex + item(12, k); };  // items 12 … 19, 0 … 3; 19 is missing
  EXPECT_THAT(last(2), ElementsAre(kMissingIndex, index(8), index(9), index(10)));
  EXPECT_THAT(last(1), ElementsAre(index(8), index(9), index(10), index(11)));
}

}  // namespace
}  // namespace cohort::datasets
