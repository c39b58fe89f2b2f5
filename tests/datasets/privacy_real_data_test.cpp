// The scan over every column of the real data: nobody's identifiers are in them, so nothing may be refused. Skipped where they are absent.
#include <cstdlib>
#include <filesystem>
#include <set>
#include <string>
#include <vector>

#include <fmt/format.h>
#include <gmock/gmock.h>

#include "datasets/io/byte_source.h"
#include "datasets/privacy/personal_data.h"

namespace cohort::datasets {
namespace {

struct RealFile {
  const char* path;
  std::string separator;
  bool header = true;
  bool quotes = true;
};

const std::vector<RealFile> kRealFiles{
    {"ml-1m/ratings.csv.gz", ","},
    {"ml-1m/users.dat", "::", false, false},
    {"ml-1m/movies.dat", "::", false, false},
    {"ml-1m/ml-1m-sasrec.txt.gz", " ", false, false},
    {"ml-1m/sas_to_original_items.txt", " ", false, false},
    {"ml-1m/sas_to_original_users.txt", " ", false, false},
    {"ml-latest-small/ratings.csv.gz", ","},
    {"ml-latest-small/movies.csv.gz", ","},
    {"ml-latest-small/tags.csv", ","},
    {"ml-latest-small/links.csv", ","},
    {"uci-credit-default/UCI_Credit_Card.csv.gz", ","},
    {"give-me-some-credit/cs-training.csv.gz", ","},
    {"give-me-some-credit/cs-test.csv.gz", ","},
    {"bank-marketing/bank-full.csv.gz", ";"},
    {"bank-marketing/bank-additional-full.csv.gz", ";"},
    {"telco-churn/Telco-Customer-Churn.csv.gz", ","},
    {"criteo-sample/train.csv.gz", "\t", false, false},
    {"criteo-sample/dev.csv", "\t", false, false},
    {"criteo-sample/test.csv", "\t", false, false},
    {"avazu-sample/train.csv.gz", ","},
    {"avazu-sample/dev.csv", ",", false},
    {"avazu-sample/test.csv", ",", false},
    {"frappe/frappe.csv.gz", "\t", true, false},
    {"frappe/meta.csv.gz", "\t", true, false},
    {"frappe-ctr/train.csv.gz", ","},
    {"frappe-ctr/valid.csv.gz", ","},
    {"frappe-ctr/test.csv.gz", ","},
    {"amazon-video-games/Video.txt.gz", " ", false, false},
    {"amazon-sports/Sports_and_Outdoors.txt.gz", "\n", false, false},
    {"gowalla/train.txt.gz", "\n", false, false},
    {"gowalla/test.txt.gz", "\n", false, false},
    {"kuairand-watchtime/processed_standard_kcore_15.csv.gz", "\t", true, false},
    {"online-retail/online_retail.csv.gz", ","},
    {"complete-journey/transactions_sample.csv.gz", ","},
    {"complete-journey/products.csv.gz", ","},
    {"complete-journey/demographics.csv", ","},
    {"complete-journey/campaigns.csv", ","},
    {"complete-journey/campaign_descriptions.csv", ","},
    {"complete-journey/coupon_redemptions.csv", ","},
    {"chnsenticorp-hotel/ChnSentiCorp_htl_all.csv.gz", ","},
    {"online-shopping-10-cats/online_shopping_10_cats.csv.gz", ","},
    {"chnsenticorp-9600/train.tsv.gz", "\t", true, false},
    {"chnsenticorp-9600/dev.tsv.gz", "\t", true, false},
    {"chnsenticorp-9600/test.tsv.gz", "\t", true, false},
    {"financial-phrasebank/Sentences_50Agree.txt.gz", "\n", false, false},
    {"etth1/ETTh1.csv.gz", ","},
    {"store-item-demand/train.csv.gz", ","},
    {"store-item-demand/test.csv.gz", ","},
};

/// Calls take(column, value) for each field and returns the number of records. Doubled quotes stay doubled, which the scan doesn't mind.
template <class Take>
std::size_t for_each_field(std::string_view text, const RealFile& file, Take take) {
  std::size_t records = 0, column = 0;
  for (std::size_t i = 0; i < text.size();) {
    std::size_t end = i;
    const bool quoted = file.quotes && text[i] == '"';
    if (quoted) {
      for (end = i + 1; end < text.size() && !(text[end] == '"' && (end + 1 == text.size() || text[end + 1] != '"')); ++end) {
        if (text[end] == '"') ++end;
      }
      take(records, column, text.substr(i + 1, end - i - 1));
      ++end;
    } else {
      while (end < text.size() && text[end] != '\n' && text.compare(end, file.separator.size(), file.separator) != 0) ++end;
      std::string_view value = text.substr(i, end - i);
      if (value.ends_with('\r')) value.remove_suffix(1);
      take(records, column, value);
    }
    while (end < text.size() && text[end] == '\r') ++end;
    if (end >= text.size() || text[end] == '\n') {
      ++records;
      column = 0;
      i = end + 1;
    } else {
      ++column;
      i = end + file.separator.size();
    }
  }
  return records;
}

std::filesystem::path real_data() {
  const char* shared = std::getenv("COHORT_SHARED");
  return shared == nullptr ? std::filesystem::path() : std::filesystem::path(shared) / "data";
}

TEST(PersonalDataScan, RefusesNoColumnOfTheRealData) {
  const std::filesystem::path folder = real_data();
  if (folder.empty() || !std::filesystem::exists(folder)) GTEST_SKIP() << "needs the real data: set COHORT_SHARED";
  std::set<std::string> warned;
  for (const RealFile& file : kRealFiles) {
    const std::string text = read_bytes(folder / file.path);
    std::vector<std::string> names;
    std::vector<ColumnScan> scans;
    for_each_field(text, file, [&](std::size_t record, std::size_t column, std::string_view value) {
      if (record == 0) {
        names.push_back(file.header ? std::string(value) : "column_" + std::to_string(column + 1));
        scans.emplace_back(names.back());
        if (file.header) return;
      }
      if (column < scans.size() && !value.empty()) scans[column].see(value);
    });
    for (std::size_t i = 0; i < scans.size(); ++i) {
      for (const PersonalFinding& finding : personal_findings(names[i], scans[i])) {
        EXPECT_FALSE(finding.refused) << file.path << ": " << finding.message();
        warned.insert(fmt::format("{} {} {} {}", file.path, names[i], finding.kind, finding.hits));
      }
    }
  }
  // People do write their addresses and numbers into reviews: warnings, with the number of texts.
  EXPECT_THAT(warned, testing::UnorderedElementsAre(
                          "chnsenticorp-9600/test.tsv.gz text_a email 1", "chnsenticorp-9600/test.tsv.gz text_a phone 1",
                          "chnsenticorp-9600/train.tsv.gz text_a email 4", "chnsenticorp-9600/train.tsv.gz text_a phone 8",
                          "chnsenticorp-hotel/ChnSentiCorp_htl_all.csv.gz review phone 4",
                          "financial-phrasebank/Sentences_50Agree.txt.gz column_1 phone 12", "frappe/meta.csv.gz description email 472",
                          "frappe/meta.csv.gz description phone 2", "frappe/meta.csv.gz short desc email 1",
                          "online-shopping-10-cats/online_shopping_10_cats.csv.gz review email 7",
                          "online-shopping-10-cats/online_shopping_10_cats.csv.gz review phone 20"));
}

}  // namespace
}  // namespace cohort::datasets
