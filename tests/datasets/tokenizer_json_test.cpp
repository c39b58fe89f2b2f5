#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "core/error.h"
#include "datasets/text/tokenizer.h"

namespace cohort::datasets {
namespace {

using testing::HasSubstr;

TokenizerOptions rich_options() {
  TokenizerOptions options;
  options.words = {1, 2};
  options.characters = {2, 3};
  options.across = options.punctuation = true;
  options.symbols = options.nfkc = options.fold_case = options.strip_controls = options.collapse_space = false;
  options.longest_word = 12;
  options.max_tokens = 500;
  options.buckets = 1 << 20;
  options.seed = 4'294'967'295;
  options.unknown = "missing";
  return options;
}

/// Applies `change` to a good JSON and gives the message of the refusal.
template <class Change>
std::string refusal(Change change) {
  nlohmann::json json = Tokenizer(rich_options()).to_json();
  change(json);
  try {
    Tokenizer::from_json(json);
  } catch (const core::Error& error) {
    EXPECT_EQ(error.exit(), core::Exit::kDamaged) << error.what();
    return error.message();
  }
  return "accepted";
}

TEST(TokenizerJson, ComesBackAsItWas) {
  for (const TokenizerOptions& options : {TokenizerOptions(), rich_options()}) {
    const nlohmann::ordered_json json = Tokenizer(options).to_json();
    const Tokenizer back = Tokenizer::from_json(nlohmann::json::parse(json.dump()));
    EXPECT_EQ(back.to_json().dump(), json.dump());
  }
  const Tokenizer back = Tokenizer::from_json(Tokenizer(rich_options()).to_json());
  EXPECT_EQ(back.tokens("Don’t 好, ok"), Tokenizer(rich_options()).tokens("Don’t 好, ok"));
  EXPECT_EQ(back.bucket("好"), Tokenizer(rich_options()).bucket("好"));
}

TEST(TokenizerJson, EveryAbsentKeyIsNamed) {
  const nlohmann::json whole = Tokenizer(rich_options()).to_json();
  for (const auto& [key, value] : whole.items()) {
    EXPECT_THAT(refusal([&, name = key](nlohmann::json& json) { json.erase(name); }), HasSubstr("\"" + key + "\""));
  }
}

TEST(TokenizerJson, EveryValueOfAnotherTypeIsRefused) {
  const nlohmann::json whole = Tokenizer(rich_options()).to_json();
  for (const auto& [key, value] : whole.items()) {
    for (const nlohmann::json& other : {nlohmann::json(nullptr), nlohmann::json::object(), nlohmann::json(-1), nlohmann::json("?"), nlohmann::json(0.5)}) {
      if (key == "unicode" && other.is_string()) continue;
      EXPECT_THAT(refusal([&, name = key](nlohmann::json& json) { json[name] = other; }), HasSubstr("tokenizer")) << key << " " << other;
    }
  }
}

TEST(TokenizerJson, WhatItDoesntKnowIsRefused) {
  EXPECT_THAT(refusal([](nlohmann::json& json) { json["stem"] = true; }), HasSubstr("tokenizer.stem"));
  EXPECT_THAT(refusal([](nlohmann::json& json) { json["format"] = 2; }), HasSubstr("tokenizer.format"));
  EXPECT_THAT(refusal([](nlohmann::json& json) { json["hash"] = "md5"; }), HasSubstr("tokenizer.hash"));
  EXPECT_THAT(refusal([](nlohmann::json& json) { json["singles"].erase(0); }), HasSubstr("tokenizer.singles"));
  EXPECT_THAT(refusal([](nlohmann::json& json) { json["buckets"] = 1000; }), HasSubstr("power of two"));
  EXPECT_THAT(refusal([](nlohmann::json& json) { json["words"] = {3, 1}; }), HasSubstr("n goes from"));
  EXPECT_THAT(refusal([](nlohmann::json& json) { json = nlohmann::json::array(); }), HasSubstr("tokenizer"));
}

}  // namespace
}  // namespace cohort::datasets
