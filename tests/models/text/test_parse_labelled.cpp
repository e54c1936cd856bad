// Labelled sentences as TSV and CSV, and plain text (parse_labelled.cpp).
#include <tests/models/text/reading.h>

#include <vector>

namespace {

using masked_rnn::DataSet;
using masked_rnn::Format;
using masked_rnn::test::read_string;
using masked_rnn::test::reading_error;
using Strings = std::vector<std::string>;

DataSet tsv(const std::string& content) { return read_string(content, Format::kTsv); }
DataSet csv(const std::string& content) { return read_string(content, Format::kCsv); }
DataSet text(const std::string& content) { return read_string(content, Format::kText); }
std::string tsv_error(const std::string& content) { return reading_error(content, Format::kTsv); }
std::string csv_error(const std::string& content) { return reading_error(content, Format::kCsv); }

TEST(ParseTsv, TakesLabelAndText) {
  const DataSet data = tsv("\xEF\xBB\xBFgood\tI like it!\r\n\n \nvery bad\t\"No, \xC3\xA6 ");
  EXPECT_EQ(data.format, Format::kTsv);
  ASSERT_EQ(data.examples.size(), 2u);
  EXPECT_EQ(data.examples[0].labels, Strings({"good"}));
  EXPECT_EQ(data.examples[0].text, "I like it!");
  EXPECT_EQ(data.examples[0].tokens, Strings({"I", "like", "it", "!"}));
  EXPECT_EQ(data.examples[0].line, 1);
  EXPECT_EQ(data.examples[1].labels, Strings({"very bad"}));
  EXPECT_EQ(data.examples[1].text, "\"No, \xC3\xA6 ");
  EXPECT_EQ(data.examples[1].tokens, Strings({"\"", "No", ",", "\xC3\xA6"}));
  EXPECT_EQ(data.examples[1].line, 4);
}

TEST(ParseTsv, WrongNumberOfColumns) {
  EXPECT_EQ(tsv_error("good\ta\ngood a\n"), "in:2: has 1 column, expected 2: label, tab, text");
  EXPECT_EQ(tsv_error("good\ta\tb\n"), "in:1: has 3 columns, expected 2: label, tab, text");
}

TEST(ParseTsv, EmptyColumns) {
  EXPECT_EQ(tsv_error("good\ta\n\ta\n"), "in:2: the label is empty, expected a label and a text");
  EXPECT_EQ(tsv_error(" \ta\n"), "in:1: the label is empty, expected a label and a text");
  EXPECT_EQ(tsv_error("good\t\n"), "in:1: the text is empty, expected a label and a text");
  EXPECT_EQ(tsv_error("good\t \v\n"), "in:1: the text is empty, expected a label and a text");
}

TEST(ParseTsv, LineOfTenMegabytes) {
  std::string text;
  while (text.size() < 1'000'000) text += "?!";
  const DataSet data = tsv("good\t" + text + std::string(9'000'000, 'x'));
  EXPECT_EQ(data.examples.at(0).tokens.size(), text.size() + 1);
  EXPECT_EQ(tsv_error(std::string(10'000'000, '\xC3')), "in:1: invalid UTF-8 at byte 1");
}

TEST(ParseCsv, QuotedAndPlainFields) {
  const DataSet data =
      csv("good,plain text\r\n"
          "\"good, \"\"very\"\"\",\"a, \"\"b\"\"\"\n"
          "\n"
          "bad,\"two\r\n\nlines\"\n"
          "\"\"\"\",\"\"\"\"");
  ASSERT_EQ(data.examples.size(), 4u);
  EXPECT_EQ(data.examples[0].labels, Strings({"good"}));
  EXPECT_EQ(data.examples[0].text, "plain text");
  EXPECT_EQ(data.examples[1].labels, Strings({"good, \"very\""}));
  EXPECT_EQ(data.examples[1].text, "a, \"b\"");
  EXPECT_EQ(data.examples[1].tokens, Strings({"a", ",", "\"", "b", "\""}));
  EXPECT_EQ(data.examples[2].text, "two\n\nlines");
  EXPECT_EQ(data.examples[2].tokens, Strings({"two", "lines"}));
  EXPECT_EQ(data.examples[2].line, 4);
  EXPECT_EQ(data.examples[3].labels, Strings({"\""}));
  EXPECT_EQ(data.examples[3].text, "\"");
  EXPECT_EQ(data.examples[3].line, 7);
}

TEST(ParseCsv, TheFirstLineMayBeAHeader) {
  const DataSet data = csv("label,\"text\"\nlabel,text\n");
  ASSERT_EQ(data.examples.size(), 1u);
  EXPECT_EQ(data.examples[0].line, 2);
}

TEST(ParseCsv, WrongNumberOfFields) {
  EXPECT_EQ(csv_error("good\n"), "in:1: has 1 field, expected 2: label,text");
  EXPECT_EQ(csv_error("good,a\ngood,\"a\n\",b,c\n"), "in:2: has 4 fields, expected 2: label,text");
}

TEST(ParseCsv, QuoteThatDoesNotEnd) {
  EXPECT_EQ(csv_error("good,a\ngood,\"a\nbad,b\n"),
            "in:2: a quoted field does not end, expected a closing \"");
  EXPECT_EQ(csv_error("good,\""), "in:1: a quoted field does not end, expected a closing \"");
  EXPECT_EQ(csv_error("good,\"" + std::string(10'000'000, 'x')),
            "in:1: a quoted field does not end, expected a closing \"");
}

TEST(ParseCsv, QuotesElsewhere) {
  EXPECT_EQ(csv_error("good,a \"b\"\n"),
            "in:1: a \" stands inside an unquoted field, expected the field in quotes");
  EXPECT_EQ(csv_error("good,\"a\nb\"c\n"),
            "in:2: text follows a closing \", expected a comma or the end of the line");
}

TEST(ParseCsv, EmptyFields) {
  EXPECT_EQ(csv_error(",a\n"), "in:1: the label is empty, expected a label and a text");
  EXPECT_EQ(csv_error("\"\",a\n"), "in:1: the label is empty, expected a label and a text");
  EXPECT_EQ(csv_error("good,\n"), "in:1: the text is empty, expected a label and a text");
  EXPECT_EQ(csv_error("good,\"\n\"\n"), "in:1: the text is empty, expected a label and a text");
}

TEST(ParseCsv, LabelsThatNoFileOfLabelsCanHold) {
  EXPECT_EQ(csv_error("\"go\nod\",a\n"),
            "in:1: the label holds a tab or a line break, expected none");
  EXPECT_EQ(csv_error("good,a\ngo\tod,a\n"),
            "in:2: the label holds a tab or a line break, expected none");
}

TEST(ParseText, OneSentenceALineWithoutLabels) {
  const DataSet data = text("  It works.\n\n \t\v\nlabel\ttext");
  EXPECT_EQ(data.format, Format::kText);
  ASSERT_EQ(data.examples.size(), 2u);
  EXPECT_EQ(data.examples[0].text, "  It works.");
  EXPECT_EQ(data.examples[0].tokens, Strings({"It", "works", "."}));
  EXPECT_EQ(data.examples[0].labels, Strings());
  EXPECT_EQ(data.examples[0].line, 1);
  EXPECT_EQ(data.examples[1].tokens, Strings({"label", "text"}));
  EXPECT_EQ(data.examples[1].line, 4);
}

}  // namespace
