#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "core/error.h"
#include "datasets/text/tokenizer_file.h"

namespace cohort::datasets {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

Schema schema_with_tokens() {
  Schema schema;
  schema.columns.resize(3);
  schema.columns[0].name = "age";
  Column& review = schema.columns[1];
  review.name = "review";
  review.kind = Kind::kSequence;
  review.of = Kind::kCategorical;
  review.dtype = DType::kString;
  review.dictionary.strings = {"bad", "good", "好"};
  review.tokenizer = Tokenizer(TokenizerOptions()).to_json();
  Column& title = schema.columns[2];
  title = review;
  title.name = "title";
  title.dtype = DType::kInt64;
  title.dictionary = {{}, {3, 17}};
  TokenizerOptions hashed;
  hashed.buckets = 32;
  title.tokenizer = Tokenizer(hashed).to_json();
  return schema;
}

TEST(TokenizerFile, HoldsEachTokenisedColumnWithItsVocabulary) {
  const std::vector<ColumnTokenizer> columns = read_tokenizer_file(tokenizer_file(schema_with_tokens()));
  ASSERT_EQ(columns.size(), 2u);
  EXPECT_EQ(columns[0].column, "review");
  EXPECT_THAT(columns[0].vocabulary.strings, ElementsAre("bad", "good", "好"));
  EXPECT_THAT(columns[0].tokenizer.tokens("Good 好"), ElementsAre("good", "好"));
  EXPECT_EQ(columns[1].column, "title");
  EXPECT_THAT(columns[1].vocabulary.integers, ElementsAre(3, 17));
  EXPECT_EQ(columns[1].tokenizer.options().buckets, 32);
}

TEST(TokenizerFile, IsEmptyWhereNoColumnHoldsTokens) {
  Schema schema;
  schema.columns.resize(1);
  EXPECT_EQ(tokenizer_file(schema), "");
}

TEST(TokenizerFile, DamageIsNamed) {
  const std::string whole = tokenizer_file(schema_with_tokens());
  const auto refusal = [&](const std::string& from, const std::string& to) {
    std::string text = whole;
    text.replace(text.find(from), from.size(), to);
    try {
      read_tokenizer_file(text);
    } catch (const core::Error& error) {
      EXPECT_EQ(error.exit(), core::Exit::kDamaged);
      return std::string(error.what());
    }
    return std::string("accepted");
  };
  EXPECT_THAT(refusal("\"bad\",\"good\"", "\"good\",\"bad\""), HasSubstr("columns[0].vocabulary"));
  EXPECT_THAT(refusal("[3,17]", "[3,3]"), HasSubstr("columns[1].vocabulary"));
  EXPECT_THAT(refusal("\"column\": \"title\"", "\"name\": \"title\""), HasSubstr("columns[1]"));
  EXPECT_THAT(refusal("\"nfkc\": true", "\"nfkc\": 1"), HasSubstr("tokenizer.nfkc"));
  EXPECT_THAT(refusal("}", ""), HasSubstr("JSON"));
}

}  // namespace
}  // namespace cohort::datasets
