#include "datasets/schema.h"

#include <functional>

#include <gmock/gmock.h>

#include "core/error.h"

namespace cohort::datasets {
namespace {

Schema sample() {
  Schema schema;
  auto column = [](const char* name, Kind kind, DType dtype) {
    Column made;
    made.name = name;
    made.kind = kind;
    made.dtype = dtype;
    return made;
  };
  Column number = column("n", Kind::kDense, DType::kFloat64);
  number.missing_markers = {"NA"};
  number.source = "raw n";
  number.missing = 3;
  Column word = column("s", Kind::kCategorical, DType::kString);
  word.dictionary.strings = {"a", "b"};
  Column code = column("c", Kind::kCategorical, DType::kInt64);
  code.dictionary.integers = {-3, 8};
  code.missing = 1;
  Column time = column("t", Kind::kTime, DType::kInt64);
  time.format = "unix_ms";
  Column label = column("y", Kind::kLabel, DType::kInt32);
  label.classes = {"lo", "mid", "hi"};
  schema.columns = {number, word, code, time, label};
  return schema;
}

TEST(Schema, GoesThroughJsonUnchanged) {
  const nlohmann::ordered_json json = to_json(sample());
  const Schema back = schema_from_json(nlohmann::json(json));
  EXPECT_EQ(to_json(back), json);
  EXPECT_EQ(back.columns[0].missing_markers, std::vector<std::string>{"NA"});
  EXPECT_EQ(back.columns[0].source, "raw n");
  EXPECT_EQ(back.columns[2].dictionary.integers, (std::vector<int64_t>{-3, 8}));
  EXPECT_EQ(back.columns[3].format, "unix_ms");
  EXPECT_EQ(back.columns[4].classes.size(), 3u);
}

TEST(Schema, FindsColumnsAndSuggestsNames) {
  Schema schema = sample();
  schema.columns[0].name = "amount";
  EXPECT_EQ(schema.at("t").kind, Kind::kTime);
  EXPECT_EQ(schema.find("none"), nullptr);
  EXPECT_EQ(schema.names(Kind::kCategorical), (std::vector<std::string>{"s", "c"}));
  try {
    schema.at("amuont");
    FAIL();
  } catch (const core::Error& error) {
    EXPECT_EQ(error.exit(), core::Exit::kUsage);
    EXPECT_THAT(error.what(), testing::HasSubstr("did you mean \"amount\"?"));
  }
}

TEST(Schema, RefusesDamagedJson) {
  const nlohmann::json good = to_json(sample());
  const std::vector<std::function<void(nlohmann::json&)>> changes = {
      [](auto& j) { j = 5; },
      [](auto& j) { j.erase("columns"); },
      [](auto& j) { j["columns"] = "x"; },
      [](auto& j) { j["columns"][0] = nullptr; },
      [](auto& j) { j["columns"][0].erase("name"); },
      [](auto& j) { j["columns"][0]["name"] = "a/b"; },
      [](auto& j) { j["columns"][0]["name"] = "s"; },
      [](auto& j) { j["columns"][0]["kind"] = "numeric"; },
      [](auto& j) { j["columns"][0]["kind"] = "sequence"; },
      [](auto& j) { j["columns"][0]["dtype"] = "string"; },
      [](auto& j) { j["columns"][0]["missing"] = -1; },
      [](auto& j) { j["columns"][0]["missing"] = 1.5; },
      [](auto& j) { j["columns"][1]["dictionary"] = {"b", "a"}; },
      [](auto& j) { j["columns"][1]["dictionary"] = {"a", "a"}; },
      [](auto& j) { j["columns"][1]["dictionary"] = {1, 2}; },
      [](auto& j) { j["columns"][2]["dictionary"] = {"x"}; },
      [](auto& j) { j["columns"][2]["dictionary"] = {1.5}; },
      [](auto& j) { j["columns"][2]["dictionary"] = {18446744073709551615u}; },
      [](auto& j) { j["columns"][4]["classes"] = {1}; },
  };
  for (std::size_t i = 0; i < changes.size(); ++i) {
    nlohmann::json json = good;
    changes[i](json);
    ASSERT_NE(json, good) << i;
    try {
      schema_from_json(json);
      ADD_FAILURE() << "change " << i << " was accepted";
    } catch (const core::Error& error) {
      EXPECT_EQ(error.exit(), core::Exit::kDamaged) << i;
    }
  }
}

TEST(Dictionary, GivesValuesAsText) {
  const Schema schema = sample();
  EXPECT_EQ(schema.at("s").dictionary.text(1), "b");
  EXPECT_EQ(schema.at("c").dictionary.text(0), "-3");
  EXPECT_EQ(schema.at("c").dictionary.text(-1), "");
  EXPECT_EQ(schema.at("c").dictionary.text(9), "");
}

TEST(NameProblem, RefusesWhatHdf5CantName) {
  for (const char* name : {"", ".", "..", "a/b", "row"}) EXPECT_NE(name_problem(name), "") << name;
  for (const char* name : {"a b", "été", "a.b", "Row", "a\\b"}) EXPECT_EQ(name_problem(name), "") << name;
}

}  // namespace
}  // namespace cohort::datasets
