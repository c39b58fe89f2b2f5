#include "core/toml_document.h"

#include <gmock/gmock.h>

#include "core/options.h"
#include "core/toml_path.h"
#include "core/utf8.h"

namespace cohort::core {
namespace {

using testing::AllOf;
using testing::EndsWith;
using testing::HasSubstr;
using testing::StartsWith;

template <class F>
std::string message_of(F&& work) {
  try {
    work();
  } catch (const Error& error) {
    EXPECT_EQ(error.exit(), Exit::kUsage);
    return error.what();
  }
  return "nothing was thrown";
}

/// Options of one value: what a reader makes of a line of TOML.
template <class T>
struct Value {
  T v{};
  static void describe(Describe<Value>& d) { d.field("v", &Value::v, "a value"); }
  static T of(const std::string& toml) {
    const auto document = TomlDocument::parse(toml, "a.toml");
    Diagnostics diagnostics(document);
    auto value = read_options<Value>(document, diagnostics);
    diagnostics.throw_if_errors();
    return value.v;
  }
};

std::string set_message(const std::string& toml, const std::string& assignment) {
  return message_of([&] { TomlDocument::parse(toml, "a.toml").set(assignment); });
}

TEST(TomlDocument, StopsAtTheFirstSyntaxErrorWithItsPlace) {
  // What stands between is toml++'s own wording, which changes with its version.
  EXPECT_THAT(message_of([] { TomlDocument::parse("a = 1\nb = \n", "a.toml"); }),
              AllOf(StartsWith("a.toml:2:5: error: not valid TOML: "), EndsWith("\n  b = \n      ^")));
  EXPECT_THAT(message_of([] { TomlDocument::parse("a = 1\na = 2\n", "a.toml"); }), HasSubstr("a.toml:2:"));
  EXPECT_THAT(message_of([] { TomlDocument::parse("a = 99999999999999999999\n", "a.toml"); }), HasSubstr("a.toml:1:"));
  EXPECT_THAT(message_of([] { TomlDocument::parse("a = \"\xC3\x28\"\n", "a.toml"); }), HasSubstr("error: not valid TOML"));
}

TEST(TomlDocument, ThatCannotBeReadIsNamed) {
  EXPECT_THAT(message_of([] { TomlDocument::load("no/such/file.toml"); }), StartsWith("error: there is no file no/such/file.toml"));
}

TEST(TomlDocument, FindsNodesAndPlacesByPath) {
  const auto document = TomlDocument::parse("x = 1\n[a]\nb = { c = [10, 20] }\n[[t]]\n[[t]]\n\"odd key\" = 5\n", "a.toml");
  EXPECT_EQ(document.text("a.b.c[1]"), "20");
  EXPECT_EQ(document.text("t[1].\"odd key\""), "5");
  EXPECT_NE(document.find(""), nullptr);
  EXPECT_EQ(document.find("a.zzz"), nullptr);
  EXPECT_EQ(document.find("x.y"), nullptr);
  EXPECT_EQ(document.find("t[2]"), nullptr);
  EXPECT_EQ(document.find("t["), nullptr);
  EXPECT_EQ(document.place("a.b.c[1]").str(), "a.toml:3:16");
  EXPECT_EQ(document.key_place("a.b.c").str(), "a.toml:3:7");
  EXPECT_EQ(document.key_place("a.b").str(), "a.toml:3:1");
  EXPECT_EQ(document.place("a.zzz.y").str(), "a.toml:2:1") << "the table around it";
  EXPECT_EQ(document.place("nothing").str(), "a.toml");
  EXPECT_EQ(document.place("").str(), "a.toml");
}

TEST(TomlDocument, ReadsCrlfAndAByteOrderMark) {
  const auto document = TomlDocument::parse("\xEF\xBB\xBF" "a = 1\r\nbb = 2\r\n", "a.toml");
  EXPECT_EQ(document.text("bb"), "2");
  EXPECT_EQ(document.place("a").str(), "a.toml:1:5");
  EXPECT_EQ(document.excerpt(document.place("bb")), "  bb = 2\n       ^");
}

TEST(TomlDocument, OverridesTakeTomlAndBareWords) {
  auto document = TomlDocument::parse("[train]\nlanes = 8\n[[rules]]\nbins = 4\n", "a.toml");
  document.set("train.lanes=4");
  document.set(" train.rate = 1e-3 ");
  document.set("data.path=../shared/my data");
  document.set("train.betas=[0.5, 0.9]");
  document.set("train.on=true");
  document.set("train.text=\"5\"");
  document.set("train.none=");
  document.set("model={name=\"mlp\", hidden=[1]}");
  document.set("model.hidden[1]=7");
  document.set("rules[0].bins=8");
  document.set("rules[1].bins=9");
  document.set("fresh[0]=1");
  document.set("\"odd=key\".x=1");
  EXPECT_EQ(document.text("train.lanes"), "4");
  EXPECT_EQ(document.text("train.rate"), "0.001");
  EXPECT_EQ(document.text("data.path"), "\"../shared/my data\"");
  EXPECT_EQ(document.text("train.betas[1]"), "0.9");
  EXPECT_EQ(document.text("train.on"), "true");
  EXPECT_EQ(document.text("train.text"), "\"5\"");
  EXPECT_EQ(document.text("train.none"), "\"\"");
  EXPECT_EQ(document.text("model.hidden[1]"), "7");
  EXPECT_EQ(document.text("rules[0].bins"), "8");
  EXPECT_EQ(document.text("rules[1].bins"), "9");
  EXPECT_EQ(document.text("fresh[0]"), "1");
  EXPECT_EQ(document.text("\"odd=key\".x"), "1");
  EXPECT_EQ(document.place("train.lanes").str(), "--set train.lanes=4");
  EXPECT_EQ(document.place("model.name").str(), "--set model={name=\"mlp\", hidden=[1]}");
  EXPECT_EQ(document.place("model.hidden[1]").str(), "--set model.hidden[1]=7");
  EXPECT_EQ(document.place("data").str(), "--set data.path=../shared/my data");
  EXPECT_EQ(document.place("train").str(), "a.toml:1:1");
}

TEST(TomlDocument, TheLastOverrideOfAKeyCounts) {
  auto document = TomlDocument::parse("", "a.toml");
  document.set("a.b=1");
  document.set("a.b=2");
  EXPECT_EQ(document.text("a.b"), "2");
  EXPECT_EQ(document.place("a.b").str(), "--set a.b=2");
  document.set("a={c=3}");
  EXPECT_EQ(document.find("a.b"), nullptr);
  EXPECT_EQ(document.place("a.c").str(), "--set a={c=3}");
}

TEST(TomlDocument, RefusesOverridesThatLeadNowhere) {
  EXPECT_EQ(set_message("", "train.epochs"),
            "--set train.epochs: error: there is no value\n  remedy: write --set key=value, for example --set train.epochs=5");
  EXPECT_EQ(set_message("", "=5"),
            "--set =5: error: \"\" is no key\n  remedy: write keys with dots between, for example train.epochs");
  EXPECT_THAT(set_message("", "a..b=5"), HasSubstr("\"a..b\" is no key"));
  EXPECT_THAT(set_message("", "a[x]=5"), HasSubstr("\"a[x]\" is no key"));
  EXPECT_EQ(set_message("a = 1", "a.b=5"), "--set a.b=5: error: a is a single value, not a table");
  EXPECT_EQ(set_message("[[t]]\n", "t.b=5"), "--set t.b=5: error: t is a list, not a table\n  remedy: name the element: t[0]");
  EXPECT_EQ(set_message("[t]\n", "t[0]=5"), "--set t[0]=5: error: t is a table, not a list");
  EXPECT_THAT(set_message("t = [1]", "t[2]=5"), HasSubstr("t has 1 elements: there is no [2]"));
  EXPECT_THAT(set_message("", "a=[1,"), HasSubstr("--set a=[1,: error: the value is not TOML: "));
  EXPECT_THAT(set_message("", "a=\xFF"), HasSubstr("not UTF-8"));
}

TEST(TomlDocument, AnOverrideCannotSmuggleInASecondKey) {
  auto document = TomlDocument::parse("", "a.toml");
  document.set("a=1\nb = 2");
  EXPECT_EQ(document.find("b"), nullptr);
  EXPECT_EQ(document.text("a"), "\"1\\nb = 2\"");
}

TEST(Diagnostics, PrintsWarningsApartAndErrorsTogether) {
  const auto document = TomlDocument::parse("a = 1\nb = 2\n", "a.toml");
  Diagnostics diagnostics(document);
  diagnostics.warning("b", "b is odd", "make it even");
  EXPECT_FALSE(diagnostics.has_errors());
  diagnostics.throw_if_errors();
  EXPECT_EQ(diagnostics.warnings(), "a.toml:2:5: warning: b is odd\n  b = 2\n      ^\n  remedy: make it even");
  diagnostics.error("a", "a is wrong");
  diagnostics.error("a", "a is wrong");
  EXPECT_EQ(diagnostics.error_count(), 1u) << "said twice, printed once";
  EXPECT_EQ(message_of([&] { diagnostics.throw_if_errors(); }),
            "a.toml:1:5: error: a is wrong\n  a = 1\n      ^\n" + diagnostics.warnings());
}

TEST(TomlPath, IsReadBackFromItsText) {
  for (const char* text : {"a", "a.b-c_1", "a[0].b[12][3]", "\"x.y\".\"q\\\"\\\\\"", "\"\""}) {
    const auto path = parse_path(text);
    ASSERT_TRUE(path) << text;
    EXPECT_EQ(path_text(*path), text);
  }
  for (const char* text : {".", "a.", ".a", "a b", "a[", "a[]", "a[-1]", "a]", "a\"b\"", "\"a", "a[1]b"})
    EXPECT_FALSE(parse_path(text)) << text;
}

TEST(TomlText, IsReadBackEqual) {
  std::string text = "quote \" backslash \\ umlaut ü";
  for (char c = 1; c < 0x20; ++c) text += c;
  text += '\x7F';
  EXPECT_EQ(Value<std::string>::of("v = " + toml_string(text)), text);
  for (const double value : {0.0, 1.0, -2.5, 1e-300, 1e22, 0.1, 123456789.0, 5e-324, 1.7976931348623157e308})
    EXPECT_EQ(Value<double>::of("v = " + toml_float(value)), value) << toml_float(value);
  EXPECT_EQ(toml_float(-0.0), "-0.0");
}

TEST(Utf8, CountsCharactersAndRefusesMalformedText) {
  EXPECT_EQ(utf8_length("aü☂😀"), 4u);
  EXPECT_EQ(utf8_offset("aü☂😀", 2), 3u);
  EXPECT_EQ(utf8_offset("aü", 9), 3u);
  EXPECT_EQ(utf8_length("a\xFF" "b"), 3u);
  EXPECT_TRUE(is_utf8("aü☂😀"));
  for (const char* bad : {"\xC3", "\xC0\xAF", "\xED\xA0\x80", "\xF4\x90\x80\x80", "\x80", "\xE2\x28\xA1", "\xF8\x88\x80\x80\x80"})
    EXPECT_FALSE(is_utf8(bad));
}

TEST(DidYouMean, FindsTheClosestWithinAThirdOfTheLength) {
  const std::vector<std::string> words = {"epochs", "global_batch", "lanes", "lr", "path"};
  EXPECT_EQ(did_you_mean("epcohs", words), "epochs") << "a swap of neighbours is one slip";
  EXPECT_EQ(did_you_mean("epoch", words), "epochs");
  EXPECT_EQ(did_you_mean("Global-Batch", words), "global_batch") << "case and dashes cost nothing";
  EXPECT_EQ(did_you_mean("lane", words), "lanes");
  EXPECT_EQ(did_you_mean("batch", words), "");
  EXPECT_EQ(did_you_mean("xy", words), "");
  EXPECT_EQ(did_you_mean("", words), "");
  EXPECT_EQ(did_you_mean("lanes", {}), "");
}

}  // namespace
}  // namespace cohort::core
