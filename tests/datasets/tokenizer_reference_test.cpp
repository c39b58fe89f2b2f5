// Against a second implementation in Python that has the tokenizer's JSON alone: the same tokens of real Chinese and English texts, of the
// characters of Unicode, and of hostile strings.
#include <cstdlib>
#include <filesystem>
#include <fstream>

#include <gtest/gtest.h>

#include "datasets/text/tokenizer.h"
#include "tests/datasets/temporary_folder.h"

namespace cohort::datasets {
namespace {

std::string variable(const char* name) {
  const char* value = std::getenv(name);
  return value == nullptr ? "" : value;
}

class TokenizerReference : public testing::Test {
 protected:
  void SetUp() override {
    if (variable("COHORT_PYTHON").empty()) GTEST_SKIP() << "needs COHORT_PYTHON";
  }

  void python(const std::string& arguments) {
    const std::string source = variable("COHORT_SOURCE");
    const std::string command = "'" + variable("COHORT_PYTHON") + "' '" + (source.empty() ? "." : source) + "/tests/datasets/tokenizer_reference.py' " + arguments;
    ASSERT_EQ(std::system(command.c_str()), 0) << command;
  }

  /// Compares both on the texts of `file`, a JSON string a line; gives the number of tokens.
  uint64_t compare(const TokenizerOptions& options, const std::filesystem::path& file) {
    const Tokenizer tokenizer(options);
    std::ofstream(folder / "tokenizer.json") << tokenizer.to_json().dump();
    python("tokenise '" + (folder / "tokenizer.json").string() + "' '" + file.string() + "' '" + (folder / "out").string() + "'");
    std::ifstream texts(file), theirs(folder / "out");
    uint64_t count = 0, different = 0;
    std::string line, expected;
    while (std::getline(texts, line)) {
      if (!std::getline(theirs, expected)) {
        ADD_FAILURE() << "the reference ended before the texts";
        break;
      }
      const auto text = nlohmann::json::parse(line).get<std::string>();
      nlohmann::json ours = nlohmann::json::array();
      TokenList tokens;
      tokenizer.tokenise(text, tokens);
      for (std::size_t i = 0; i < tokens.size(); ++i) {
        if (tokenizer.hashed()) {
          ours.push_back(tokenizer.bucket(tokens[i]));
        } else {
          ours.push_back(tokens[i]);
        }
      }
      count += tokens.size();
      const nlohmann::json wanted = nlohmann::json::parse(expected);
      if (ours != wanted && ++different <= 20) ADD_FAILURE() << line << "\n ours   " << ours << "\n theirs " << wanted;
    }
    EXPECT_EQ(different, 0u);
    return count;
  }

  void write_texts(const std::vector<std::string>& texts) {
    std::ofstream file(folder / "texts");
    for (const std::string& text : texts) file << nlohmann::json(text).dump() << "\n";
  }

  TemporaryFolder folder;
};

std::vector<TokenizerOptions> many_options() {
  std::vector<TokenizerOptions> result(5);
  result[1].words = {1, 2};
  result[1].characters = {1, 3};
  result[1].punctuation = true;
  result[2].words = {};
  result[2].characters = {2, 4};
  result[2].across = true;
  result[2].buckets = 1 << 18;
  result[2].seed = 7;
  result[3].nfkc = result[3].strip_controls = result[3].collapse_space = false;
  result[3].symbols = false;
  result[3].longest_word = 3;
  result[4].words = {2, 2};
  result[4].characters = {1, 2};
  result[4].fold_case = false;
  result[4].max_tokens = 9;
  return result;
}

TEST_F(TokenizerReference, TheJsonAloneGivesTheSameTokensOfRealTexts) {
  const std::string shared = variable("COHORT_SHARED");
  if (!std::filesystem::exists(shared + "/data/chnsenticorp-hotel")) GTEST_SKIP() << "needs real data at COHORT_SHARED";
  python("texts '" + shared + "' '" + (folder / "texts").string() + "'");
  std::ifstream all(folder / "texts");
  std::ofstream few(folder / "few");
  std::string line;
  for (int i = 0; std::getline(all, line); ++i) {
    if (i % 8 == 0) few << line << "\n";
  }
  few.close();
  // Hashing in Python takes its time.
  const uint64_t tokens = compare(many_options()[0], folder / "texts") + compare(many_options()[1], folder / "texts") + compare(many_options()[2], folder / "few");
  EXPECT_GT(tokens, 500'000u);
}

TEST_F(TokenizerReference, TheJsonAloneGivesTheSameTokensOfUnicodesCharacters) {
  python("characters '" + (folder / "texts").string() + "'");
  TokenizerOptions options;
  options.words = {1, 1};
  options.characters = {1, 1};
  options.punctuation = options.across = true;
  EXPECT_GT(compare(options, folder / "texts"), 100'000u);
}

TEST_F(TokenizerReference, TheJsonAloneGivesTheSameTokensOfHostileTexts) {
  std::string marks = "e", mixed, spaces(20'000, ' ');
  for (int i = 0; i < 5'000; ++i) marks += i % 3 == 0 ? "\u0301" : i % 3 == 1 ? "\u0323" : "\u0345";
  for (int i = 0; i < 500; ++i) mixed += "好a\u0301\u1100\u1161\u11A8 \U0001D400\U0001F600";
  write_texts({"", " ", std::string("a\0b", 3), std::string(3, '\0'), "\uFEFF", marks, "\u0301", "\u0301\u0323x", spaces, std::string(50'000, 'x'), mixed,
               "👨‍👩‍👧 ❤️ 👍🏽 🇨🇳", "שָׁלוֹם עֲלֵיכֶם \u202Eabc\u202C مَرْحَبًا", "don't DON’T rock’n’roll 90's 'quoted' it'", "1,000.5 3.14.15 ,5 5, 1.a a.1",
               "ＦＵＬＬ　ｗｉｄｔｈ ﬁne ½ ² ™ ㍻ ﷺ", "Straße İstanbul ıi ΣΊΣΥΦΟΣ ᾳ ᾼ ͅ", "snake_case __init__ _ a_", "각각 한국어 \u1112\u1161\u11AB", "コーヒー ｶﾞｷﾞ が か\u3099",
               "ก็ ภาษาไทย हिन्दी", "\U000E0041\U000E0042", "\U0002A6D6\U0003134A", "葛\U000E0100飾", "a\u00A0b\u2003c\u2028d\u0085e\u200Bf", "¨ ´ ａ¨"});
  for (const TokenizerOptions& options : many_options()) EXPECT_GT(compare(options, folder / "texts"), 0u);
}

}  // namespace
}  // namespace cohort::datasets
