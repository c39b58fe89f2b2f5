#include "datasets/import/csv_scanner.h"

#include <gmock/gmock.h>

namespace cohort::datasets {
namespace {

using testing::ElementsAre;

std::vector<std::vector<std::string>> records_of(const std::string& text, CsvFormat format = {}) {
  CsvScanner scanner(text, format);
  std::vector<CsvField> fields;
  std::vector<std::vector<std::string>> result;
  while (scanner.next(fields)) {
    auto& record = result.emplace_back();
    for (const CsvField& field : fields) record.emplace_back(field.text);
  }
  EXPECT_FALSE(scanner.failed()) << scanner.problem().message;
  return result;
}

CsvProblem problem_of(const std::string& text) {
  CsvScanner scanner(text, {});
  std::vector<CsvField> fields;
  while (scanner.next(fields)) {
  }
  EXPECT_TRUE(scanner.failed());
  return scanner.problem();
}

TEST(CsvScanner, CutsAtDelimitersAndLineEnds) {
  EXPECT_THAT(records_of("a,b\nc,d\n"), ElementsAre(ElementsAre("a", "b"), ElementsAre("c", "d")));
  EXPECT_THAT(records_of("a,b\r\nc,d"), ElementsAre(ElementsAre("a", "b"), ElementsAre("c", "d")));
}

TEST(CsvScanner, KeepsEmptyFields) {
  EXPECT_THAT(records_of(",\n,,"), ElementsAre(ElementsAre("", ""), ElementsAre("", "", "")));
}

TEST(CsvScanner, UnquotesAsRfc4180Says) {
  EXPECT_THAT(records_of("\"a,b\",\"c\"\"d\",\"e\nf\"\n"), ElementsAre(ElementsAre("a,b", "c\"d", "e\nf")));
  EXPECT_THAT(records_of("\"\",\"\"\"\"\r\n"), ElementsAre(ElementsAre("", "\"")));
}

TEST(CsvScanner, KeepsLoneCarriageReturns) { EXPECT_THAT(records_of("a\rb,c\n"), ElementsAre(ElementsAre("a\rb", "c"))); }

TEST(CsvScanner, TakesQuotesForCharactersWhenToldTo) {
  EXPECT_THAT(records_of("a\"b;\"c\n", {";", '\0', Encoding::kUtf8}), ElementsAre(ElementsAre("a\"b", "\"c")));
}

TEST(CsvScanner, CutsAtDelimitersOfSeveralCharacters) {
  const CsvFormat movielens{"::", '\0', Encoding::kUtf8};
  EXPECT_THAT(records_of("1::F::a:b\n2::M::\n", movielens), ElementsAre(ElementsAre("1", "F", "a:b"), ElementsAre("2", "M", "")));
  // The leftmost pair counts.
  EXPECT_THAT(records_of("a:::b\n::::", movielens), ElementsAre(ElementsAre("a", ":b"), ElementsAre("", "", "")));
  EXPECT_THAT(records_of("\"x::\"::y\n", {"::", '"', Encoding::kUtf8}), ElementsAre(ElementsAre("x::", "y")));
}

TEST(DelimiterText, EscapesTabs) {
  EXPECT_EQ(delimiter_text("::"), "\"::\"");
  EXPECT_EQ(delimiter_text("\t"), "\"\\t\"");
}

TEST(CsvScanner, FieldsOfAWideRecordDontLeakIntoANarrowOne) {
  EXPECT_THAT(records_of("a,b,c\nd\n"), ElementsAre(ElementsAre("a", "b", "c"), ElementsAre("d")));
}

TEST(CsvScanner, TellsBlankLinesFromEmptyQuotes) {
  const std::string text = "\n\r\n\"\"\n";
  CsvScanner scanner(text, {});
  std::vector<CsvField> fields;
  std::vector<bool> blank;
  while (scanner.next(fields)) blank.push_back(scanner.blank());
  EXPECT_THAT(blank, ElementsAre(true, true, false));
}

TEST(CsvScanner, PointsAtAQuoteThatIsNeverClosed) {
  EXPECT_EQ(problem_of("a,b\nc,\"d\ne").offset, 6u);
  EXPECT_EQ(problem_of("a,\"b\"\"").offset, 2u);
}

TEST(CsvScanner, PointsAtTextAfterAClosingQuote) { EXPECT_EQ(problem_of("\"a\"b,c\n").offset, 3u); }

TEST(CsvScanner, PointsAtAQuoteInsideAField) { EXPECT_EQ(problem_of("a,b\"c\n").offset, 3u); }

TEST(PlaceIn, CountsLinesAndCharacters) {
  const std::string text = "ä,b\nüö,x\n";
  const core::Place place = place_in(text, text.find('x'));
  EXPECT_EQ(place.line, 1);
  EXPECT_EQ(place.column, 4);
}

TEST(CountLines, CountsLineFeeds) {
  EXPECT_EQ(count_lines(""), 0u);
  EXPECT_EQ(count_lines("a\nb"), 1u);
  EXPECT_EQ(count_lines("\n\n"), 2u);
}

TEST(Show, EscapesAndShortens) {
  EXPECT_EQ(show("a\tb\n"), "\"a\\tb\\n\"");
  EXPECT_EQ(show("grün"), "\"grün\"");
  EXPECT_EQ(show("gr\xfcn"), "\"gr\\xfcn\"");
  EXPECT_EQ(show(std::string(100, 'x')), "\"" + std::string(60, 'x') + "…\"");
  // A character of two bytes is not cut in half.
  EXPECT_EQ(show(std::string(59, 'x') + "äää"), "\"" + std::string(59, 'x') + "…\"");
}

TEST(SniffDelimiter, TakesTheOneThatCutsEvenly) {
  EXPECT_EQ(sniff_delimiter("a;b;c\n1,5;2;3\n1;2,5;3\n", '"'), ";");
  EXPECT_EQ(sniff_delimiter("a\tb\n1\t2\n", '"'), "\t");
  EXPECT_EQ(sniff_delimiter("a,b\n\"x;y\",2\n", '"'), ",");
  EXPECT_EQ(sniff_delimiter("alone\n1\n", '"'), ",");
}

}  // namespace
}  // namespace cohort::datasets
