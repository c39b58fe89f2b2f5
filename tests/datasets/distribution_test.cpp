#include <cmath>
#include <limits>
#include <numeric>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "core/error.h"
#include "core/philox.h"
#include "datasets/inspect/chart.h"
#include "tests/datasets/small_dataset.h"

namespace cohort::tests {
namespace {

using datasets::Histogram;
using datasets::Scale;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::Not;

std::vector<Histogram> histograms_of(std::vector<double> values) {
  std::vector<double> sorted;
  for (const double value : values) {
    if (!std::isnan(value)) sorted.push_back(value);
  }
  std::sort(sorted.begin(), sorted.end());
  return datasets::make_histograms(values, sorted, {});
}

uint64_t all_rows(const Histogram& histogram) { return std::accumulate(histogram.rows.begin(), histogram.rows.end(), histogram.below + histogram.above); }

TEST(Distribution, FewWholeNumbersGetABinEach) {
  const auto histograms = histograms_of({0, 1, 1, 3, std::nan("")});
  ASSERT_EQ(histograms.size(), 1u);
  EXPECT_EQ(histograms[0].scale, Scale::kWhole);
  EXPECT_THAT(histograms[0].edges, ElementsAre(-0.5, 0.5, 1.5, 2.5, 3.5));
  EXPECT_THAT(histograms[0].rows, ElementsAre(1, 2, 0, 1));
}

TEST(Distribution, EveryRowIsInABinOrCountedBeyond) {
  const core::KeyedRandom random(1, "distribution");
  for (const double spread : {0.5, 1.0, 3.0}) {
    for (const double shift : {-1e6, 0.0, 1e-3}) {
      std::vector<double> values;
      for (uint64_t i = 0; i < 3000; ++i) values.push_back(shift + std::exp(spread * random.normal(i)));
      for (const Histogram& histogram : histograms_of(values)) {
        EXPECT_EQ(all_rows(histogram), 3000u);
        EXPECT_TRUE(std::is_sorted(histogram.edges.begin(), histogram.edges.end(), std::less_equal<double>())) << "no bin is empty of width";
        EXPECT_LE(histogram.rows.size(), 90u);
        if (histogram.scale == Scale::kLog) { EXPECT_EQ(histogram.below + histogram.above, 0u) << "the logarithmic scale shows all"; }
      }
    }
  }
}

TEST(Distribution, LongTailsGetALogarithmicScaleBesides) {
  std::vector<double> values;
  for (int i = 0; i < 1000; ++i) values.push_back(0.25 + i % 50);
  EXPECT_EQ(histograms_of(values).size(), 1u);
  values.push_back(1e6);
  values.push_back(-1e6);
  const auto histograms = histograms_of(values);
  ASSERT_EQ(histograms.size(), 2u);
  EXPECT_EQ(histograms[0].above, 1u);
  EXPECT_EQ(histograms[0].below, 1u);
  EXPECT_EQ(histograms[1].scale, Scale::kLog);
}

TEST(Distribution, OddValuesAreNoTrouble) {
  const double infinity = std::numeric_limits<double>::infinity();
  EXPECT_TRUE(histograms_of({std::nan(""), infinity, -infinity}).empty());
  for (const auto& values : std::vector<std::vector<double>>{{7.25, 7.25}, {0.0, 0.0}, {1e300, -1e300, 1.5}, {1e-310, 2.5e-310}, {1, std::nextafter(1.0, 2.0)},
                                                             {1e17, 1e17 + 64}, {-infinity, 1.5, 2.25, infinity}}) {
    for (const Histogram& histogram : histograms_of(values)) EXPECT_EQ(all_rows(histogram), values.size()) << values[0];
  }
}

TEST(Distribution, PeriodsFollowTheCalendar) {
  using datasets::next_period, datasets::period_start;
  constexpr int64_t kLeapDay = 1709208000;  // 2024-02-29 12:00
  EXPECT_EQ(period_start(kLeapDay, "day"), 1709164800);
  EXPECT_EQ(period_start(kLeapDay, "week"), 1708905600);     // Monday 2024-02-26
  EXPECT_EQ(period_start(kLeapDay, "month"), 1706745600);    // 2024-02-01
  EXPECT_EQ(period_start(kLeapDay, "quarter"), 1704067200);  // 2024-01-01
  EXPECT_EQ(next_period(1706745600, "month"), 1709251200);   // 2024-03-01
  EXPECT_EQ(next_period(1704067200, "year"), 1735689600);    // 2025-01-01
  EXPECT_EQ(period_start(-1, "day"), -86400);
  EXPECT_EQ(period_start(-1, "hour"), -3600);
}

TEST(Distribution, TimesAreCountedByPeriodAndAPlaceholderDoesNotSetTheScale) {
  std::vector<double> values;
  for (int i = 0; i < 400; ++i) values.push_back(1704067200.0 + 86400.0 * i);
  values.push_back(253402300799.0);  // 9999-12-31
  std::vector<double> sorted = values;
  const Histogram histogram = datasets::make_time_histogram(values, sorted, {});
  EXPECT_LE(histogram.rows.size(), 62u);
  EXPECT_EQ(histogram.above, 1u);
  EXPECT_EQ(all_rows(histogram), 401u);
}

datasets::DatasetReport report_of(const SmallDataset& data, const std::string& label = {}) {
  const datasets::TemporaryFolder folder;
  return datasets::inspect_dataset(data.write(folder.path() / "d", 4), label);
}

TEST(Distribution, TheLabelsRateStandsBesideEachValue) {
  SmallDataset data;
  data.dense("x", {0, 0, 1, 1, NAN, NAN}).category("c", {"a", "a", "a", "b", "", "b"}).label("y", {1, 0, 1, 1, 0, 1});
  const datasets::DatasetReport report = report_of(data);
  const auto& x = report.columns[0];
  ASSERT_EQ(x.histograms.size(), 1u);
  EXPECT_EQ(x.histograms[0].labels[0].classes[0], 1u);
  EXPECT_EQ(x.histograms[0].labels[1].classes[0], 2u);
  EXPECT_EQ(x.without.label.rows, 2u);
  const auto& c = report.columns[1];
  ASSERT_EQ(c.bars.size(), 2u);
  EXPECT_EQ(c.bars[0].value, "a");
  EXPECT_EQ(c.bars[0].label.classes[0], 2u);
  EXPECT_EQ(c.bars[1].label.classes[0], 2u);
  EXPECT_EQ(c.without.rows, 1u);
  EXPECT_TRUE(report.columns[2].bars[0].label.rows == 0) << "a label by itself tells nothing";
}

TEST(Distribution, RareValuesArePooledAndSequencesHaveLengths) {
  std::vector<std::string> words;
  std::vector<std::vector<int32_t>> lists;
  for (int i = 0; i < 60; ++i) {
    words.push_back("w" + std::to_string(i % 20));
    lists.push_back(std::vector<int32_t>(static_cast<std::size_t>(i % 4), i % 2));
  }
  SmallDataset data;
  data.category("word", words).sequence("list", lists, {"p", "q"});
  const datasets::DatasetReport report = report_of(data);
  EXPECT_EQ(report.columns[0].bars.size(), 12u);
  EXPECT_EQ(report.columns[0].rest.rows, 24u);
  ASSERT_EQ(report.columns[1].histograms.size(), 1u);
  EXPECT_THAT(report.columns[1].histograms[0].rows, ElementsAre(15, 15, 15, 15));
  EXPECT_EQ(report.columns[1].bars.size(), 2u);
}

TEST(Distribution, ALabelThatIsNoneIsRefused) {
  SmallDataset data;
  data.dense("x", {1, 2}).label("y", {0, 1});
  EXPECT_THROW(report_of(data, "x"), core::Error);
  EXPECT_THROW(report_of(data, "z"), core::Error);
  EXPECT_EQ(report_of(data, "y").label.name, "y");
}

TEST(InspectPage, TextOfTheDataIsEscapedEverywhere) {
  const std::string hostile = "<script>alert('x')</script>\"&";
  SmallDataset data;
  data.dense("<b>x", {1, 2, 3}).category("c", {hostile, hostile, "b"}).label("<i>y", {0, 1, 0});
  const std::string page = to_html(report_of(data));
  EXPECT_THAT(page, Not(HasSubstr("<script")));
  EXPECT_THAT(page, Not(HasSubstr("<b>x")));
  EXPECT_THAT(page, Not(HasSubstr("<i>y")));
  EXPECT_THAT(page, HasSubstr("&lt;script&gt;alert(&#39;x&#39;)"));
  EXPECT_EQ(datasets::escape_html(std::string("a\0\x1b\n", 4)), "a\xEF\xBF\xBD\xEF\xBF\xBD ");
}

}  // namespace
}  // namespace cohort::tests
