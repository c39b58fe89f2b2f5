// The tokenizer's JSON. Its tables are part of it, so that a reader needs nothing but Unicode's own.
#include <algorithm>
#include <initializer_list>

#include "core/error.h"
#include "datasets/json_reader.h"
#include "datasets/text/code_points.h"
#include "datasets/text/tokenizer.h"

namespace cohort::datasets {
namespace {

constexpr uint64_t kTokenizerFormat = 1;
constexpr const char* kTokenizerHash = "murmurhash3_x86_32";

template <std::size_t N>
nlohmann::ordered_json ranges_json(const std::array<CodeRange, N>& ranges) {
  nlohmann::ordered_json result = nlohmann::ordered_json::array();
  for (const auto& [first, last] : ranges) result.push_back({static_cast<uint32_t>(first), static_cast<uint32_t>(last)});
  return result;
}

template <std::size_t N>
nlohmann::ordered_json points_json(const std::array<char32_t, N>& points) {
  nlohmann::ordered_json result = nlohmann::ordered_json::array();
  for (const char32_t point : points) result.push_back(static_cast<uint32_t>(point));
  return result;
}

/// What every tokenizer of this format has alike.
nlohmann::ordered_json tables() {
  nlohmann::ordered_json json;
  json["variation_selectors"] = ranges_json(kVariationSelectors);
  json["singles"] = ranges_json(kSingles);
  json["apostrophes"] = points_json(kApostrophes);
  json["digit_joiners"] = points_json(kDigitJoiners);
  json["characters_mark"] = Tokenizer::kCharactersMark;
  return json;
}

int64_t integer_between(const JsonReader& json, int64_t least, int64_t most) {
  const int64_t value = json.integer();
  if (value < least || value > most) json.fail("a number from " + std::to_string(least) + " to " + std::to_string(most));
  return value;
}

}  // namespace

nlohmann::ordered_json Tokenizer::to_json() const {
  nlohmann::ordered_json json;
  json["format"] = kTokenizerFormat;
  json["unicode"] = unicode_version();
  json["strip_controls"] = options_.strip_controls;
  json["nfkc"] = options_.nfkc;
  json["fold_case"] = options_.fold_case;
  json["collapse_space"] = options_.collapse_space;
  json["words"] = options_.words;
  json["longest_word"] = options_.longest_word;
  json["punctuation"] = options_.punctuation;
  json["symbols"] = options_.symbols;
  json["characters"] = options_.characters;
  json["across"] = options_.across;
  json["max_tokens"] = options_.max_tokens;
  json["buckets"] = options_.buckets;
  if (hashed()) {
    json["hash"] = kTokenizerHash;
    json["seed"] = options_.seed;
  }
  json["unknown"] = options_.unknown;
  json.update(tables());
  return json;
}

Tokenizer Tokenizer::from_json(const nlohmann::json& json) {
  const JsonReader reader(json, "tokenizer");
  if (reader.at("format").unsigned_integer() != kTokenizerFormat) {
    reader.at("format").fail(std::to_string(kTokenizerFormat) + ", the version that this program reads");
  }
  TokenizerOptions options;
  reader.at("unicode").text();
  options.strip_controls = reader.at("strip_controls").boolean();
  options.nfkc = reader.at("nfkc").boolean();
  options.fold_case = reader.at("fold_case").boolean();
  options.collapse_space = reader.at("collapse_space").boolean();
  options.words = reader.at("words").integers();
  options.longest_word = integer_between(reader.at("longest_word"), 1, 10'000);
  options.punctuation = reader.at("punctuation").boolean();
  options.symbols = reader.at("symbols").boolean();
  options.characters = reader.at("characters").integers();
  options.across = reader.at("across").boolean();
  options.max_tokens = integer_between(reader.at("max_tokens"), 0, INT64_MAX);
  options.buckets = integer_between(reader.at("buckets"), 0, 1 << 30);
  if (options.buckets != 0) {
    if (reader.at("hash").text() != kTokenizerHash) reader.at("hash").fail(kTokenizerHash);
    options.seed = integer_between(reader.at("seed"), 0, UINT32_MAX);
  }
  options.unknown = reader.at("unknown").text();
  if (options.unknown != "drop" && options.unknown != "missing") reader.at("unknown").fail("\"drop\" or \"missing\"");
  const nlohmann::ordered_json same_in_all = tables();
  for (const auto& [key, value] : same_in_all.items()) {
    if (reader.at(key).value() != nlohmann::json(value)) reader.at(key).fail("what format " + std::to_string(kTokenizerFormat) + " has there");
  }
  try {
    const Tokenizer tokenizer(std::move(options));
    const nlohmann::ordered_json known = tokenizer.to_json();
    for (const std::string& key : reader.keys()) {
      if (!known.contains(key)) reader.at(key).fail("absent: this version has no such key");
    }
    return tokenizer;
  } catch (const core::Error& error) {
    if (error.exit() == core::Exit::kDamaged) throw;
    throw core::damaged_error(error.message());
  }
}

}  // namespace cohort::datasets
