#include "datasets/privacy/privacy_options.h"

#include <string>

#include <gmock/gmock.h>

#include "core/toml_document.h"

namespace cohort::datasets {
namespace {

using testing::HasSubstr;

PrivacyOptions read(const std::string& toml, std::string* mistakes = nullptr) {
  const core::TomlDocument document = core::TomlDocument::parse(toml, "import.toml");
  core::Diagnostics diagnostics(document);
  const auto options = core::read_options<PrivacyOptions>(document, diagnostics);
  if (mistakes != nullptr) *mistakes = diagnostics.text();
  else EXPECT_EQ(diagnostics.text(), "");
  return options;
}

TEST(PrivacyOptions, RefusePersonalDataUnlessTold) {
  const PrivacyOptions options = read("");
  EXPECT_EQ(options.scan, "refuse");
  EXPECT_EQ(options.min_persons, 1);
  EXPECT_TRUE(options.allow.empty());
  EXPECT_TRUE(options.key_file.empty());
}

TEST(PrivacyOptions, AreReadWithTheirMistakes) {
  const PrivacyOptions options =
      read("key_file = \"../key\"\nscan = \"warn\"\nallow = [\"email\"]\nperson = \"customer\"\nmin_persons = 5");
  EXPECT_EQ(options.key_file, "../key");
  EXPECT_EQ(options.min_persons, 5);
  std::string mistakes;
  read("scan = \"maybe\"\nallow = [\"e-mail\"]\nmin_persons = 0", &mistakes);
  EXPECT_THAT(mistakes, HasSubstr("maybe"));
  EXPECT_THAT(mistakes, HasSubstr("e-mail"));
  EXPECT_THAT(mistakes, HasSubstr("min_persons"));
}

TEST(PseudonymProblem, TellsWhereAPseudonymCantStand) {
  EXPECT_EQ(pseudonym_problem("", Kind::kDense, "float32"), "");
  EXPECT_EQ(pseudonym_problem("customer", Kind::kId, ""), "");
  EXPECT_EQ(pseudonym_problem("customer", Kind::kCategorical, "string"), "");
  EXPECT_EQ(pseudonym_problem("customer", Kind::kSequence, ""), "");
  EXPECT_THAT(pseudonym_problem("customer", Kind::kId, "int64"), HasSubstr("int64"));
  EXPECT_THAT(pseudonym_problem("customer", Kind::kDense, ""), HasSubstr("dense"));
}

}  // namespace
}  // namespace cohort::datasets
