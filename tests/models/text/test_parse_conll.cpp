// CoNLL-U and two-column CoNLL, well-formed and hostile (parse_conll.cpp).
#include <tests/models/text/reading.h>

#include <vector>

namespace {

using masked_rnn::DataSet;
using masked_rnn::Format;
using masked_rnn::test::read_string;
using masked_rnn::test::reading_error;
using Strings = std::vector<std::string>;

std::string row(const std::string& id, const std::string& form, const std::string& tag) {
  return id + "\t" + form + "\t_\t" + tag + "\t_\t_\t_\t_\t_\t_\n";
}

DataSet conllu(const std::string& content) { return read_string(content, Format::kConllu); }
DataSet conll(const std::string& content) { return read_string(content, Format::kConll); }
std::string conllu_error(const std::string& content) {
  return reading_error(content, Format::kConllu);
}
std::string conll_error(const std::string& content) {
  return reading_error(content, Format::kConll);
}

TEST(ParseConllu, TakesWordsAndTagsBesidesRangesAndEmptyNodes) {
  const std::string first = "# sent_id = 1\n# text = del mar, si\n" + row("0.1", "E", "_") +
                            row("1-2", "del", "_") + row("1", "de", "ADP") + row("2", "el", "DET") +
                            row("2.1", "nada", "X") + row("2.2", "nada", "X") +
                            row("3", "mar", "NOUN");
  const DataSet data = conllu(first + "\n\n" + row("1", "a b", "X") + "\n");
  EXPECT_EQ(data.file, "in");
  EXPECT_EQ(data.format, Format::kConllu);
  ASSERT_EQ(data.examples.size(), 2u);
  EXPECT_EQ(data.examples[0].tokens, Strings({"de", "el", "mar"}));
  EXPECT_EQ(data.examples[0].labels, Strings({"ADP", "DET", "NOUN"}));
  EXPECT_EQ(data.examples[0].line, 1);
  std::string source;
  for (const auto& line : data.examples[0].source) source += line + "\n";
  EXPECT_EQ(source, first);
  EXPECT_EQ(data.examples[1].tokens, Strings({"a b"}));
  EXPECT_EQ(data.examples[1].line, 12);
}

TEST(ParseConllu, NeedsNoFinalBlankLineNorNewline) {
  std::string content = row("1", "a", "X") + "\n" + row("1", "b", "Y");
  EXPECT_EQ(conllu(content).examples.size(), 2u);
  content.pop_back();
  EXPECT_EQ(conllu(content).examples.at(1).labels, Strings({"Y"}));
}

TEST(ParseConllu, CarriageReturnsBelongToNoColumn) {
  const DataSet data = conllu("# c\r\n1\ta\t_\tX\t_\t_\t_\t_\t_\t_\r\n\r\n");
  EXPECT_EQ(data.examples.at(0).source, Strings({"# c", "1\ta\t_\tX\t_\t_\t_\t_\t_\t_"}));
}

TEST(ParseConllu, SpacesMakeABlankLine) {
  EXPECT_EQ(conllu(row("1", "a", "X") + " \t\n" + row("1", "b", "Y")).examples.size(), 2u);
}

TEST(ParseConllu, SentencesWithoutTagsHaveNoLabels) {
  const DataSet data = conllu(row("1", "a", "_") + row("2", "b", "_") + "\n" + row("1", "c", "X"));
  EXPECT_EQ(data.examples.at(0).labels, Strings());
  EXPECT_EQ(data.examples.at(0).tokens, Strings({"a", "b"}));
  EXPECT_EQ(data.examples.at(1).labels, Strings({"X"}));
}

TEST(ParseConllu, CommentsAloneAreNoSentence) {
  EXPECT_EQ(conllu("# newdoc\n\n# text = a\n" + row("1", "a", "X") + "\n# end\n").examples.size(),
            1u);
  EXPECT_EQ(conllu_error("# only a comment\n\n"), "in: holds no example, expected at least one");
}

TEST(ParseConllu, SomeTagsOfASentenceMissing) {
  EXPECT_EQ(
      conllu_error(row("1", "a", "X") + row("2", "b", "_") + "\n"),
      "in:2: the sentence ending here has words with and without a tag, expected all or none");
}

TEST(ParseConllu, CommentBetweenWords) {
  EXPECT_EQ(conllu_error(row("1", "a", "X") + "# text = a\n" + row("2", "b", "X")),
            "in:2: a comment inside a sentence, expected comments only before its words");
}

TEST(ParseConllu, WrongNumberOfColumns) {
  EXPECT_EQ(conllu_error("1\ta\t_\tX\n"), "in:1: has 4 columns, expected 10 separated by tabs");
  EXPECT_EQ(conllu_error("\n1 a _ X _ _ _ _ _ _\n"),
            "in:2: has 1 column, expected 10 separated by tabs");
  EXPECT_EQ(conllu_error("1\ta\t_\tX\t_\t_\t_\t_\t_\t_\t_\n"),
            "in:1: has 11 columns, expected 10 separated by tabs");
  // cut off in the middle of a line
  EXPECT_EQ(conllu_error(row("1", "a", "X") + "2\tb\t_\tX\t_"),
            "in:2: has 5 columns, expected 10 separated by tabs");
}

TEST(ParseConllu, IdsThatAreNone) {
  for (const std::string id : {"",
                               "x",
                               "1x",
                               "-1",
                               "+1",
                               " 1",
                               "1-",
                               "1-2-3",
                               ".1",
                               "1.",
                               "1.1.1",
                               "1--2",
                               "99999999999999999999",
                               "1,2"}) {
    EXPECT_EQ(conllu_error(row(id, "a", "X")),
              "in:1: the ID is '" + id +
                  "', expected a number, a range such as 1-2 or an empty node such as 1.1");
  }
}

TEST(ParseConllu, IdsOutOfOrder) {
  EXPECT_EQ(conllu_error(row("2", "a", "X")), "in:1: the ID is 2, expected 1, the next word");
  EXPECT_EQ(conllu_error(row("0", "a", "X")), "in:1: the ID is 0, expected 1, the next word");
  EXPECT_EQ(conllu_error(row("1", "a", "X") + row("1", "b", "X")),
            "in:2: the ID is 1, expected 2, the next word");
  EXPECT_EQ(conllu_error(row("1", "a", "X") + row("3", "b", "X")),
            "in:2: the ID is 3, expected 2, the next word");
}

TEST(ParseConllu, RangesElsewhere) {
  EXPECT_EQ(conllu_error(row("1", "a", "X") + row("1-2", "ab", "_")),
            "in:2: the range is '1-2', expected it to begin with 2, the next word, and to end "
            "there or later");
  EXPECT_EQ(conllu_error(row("2-3", "ab", "_")),
            "in:1: the range is '2-3', expected it to begin with 1, the next word, and to end "
            "there or later");
  EXPECT_EQ(
      conllu_error(row("1-0", "ab", "_")),
      "in:1: the range is '1-0', expected it to begin with 1, the next word, and to end there "
      "or later");
}

TEST(ParseConllu, RangeBehindTheLastWord) {
  EXPECT_EQ(conllu_error(row("1-3", "abc", "_") + row("1", "a", "X") + row("2", "b", "X") + "\n"),
            "in:1: a range ends with word 3, but the sentence has 2");
}

TEST(ParseConllu, EmptyNodesElsewhere) {
  EXPECT_EQ(conllu_error(row("1.1", "e", "_") + row("1", "a", "X")),
            "in:1: the empty node is '1.1', expected it to follow word 0");
  EXPECT_EQ(conllu_error(row("1", "a", "X") + row("0.1", "e", "_")),
            "in:2: the empty node is '0.1', expected it to follow word 1");
}

TEST(ParseConllu, EmptyColumns) {
  EXPECT_EQ(conllu_error(row("1", "", "X")),
            "in:1: the form is empty, expected _ where there is none");
  EXPECT_EQ(conllu_error(row("1", "a", "")),
            "in:1: the tag is empty, expected _ where there is none");
}

TEST(ParseConllu, SentencesWithoutWords) {
  EXPECT_EQ(conllu_error("\n# c\n" + row("1-2", "ab", "_") + "\n"),
            "in:2: a sentence without words, expected at least one");
  EXPECT_EQ(conllu_error(row("0.1", "e", "_")),
            "in:1: a sentence without words, expected at least one");
}

TEST(ParseConll, TakesTokensAndTags) {
  const DataSet data = conll("# \tO\nNew\tB-LOC\nYork\tI-LOC\n\n\n\xF0\x9F\x98\x80 :\tO");
  ASSERT_EQ(data.examples.size(), 2u);
  EXPECT_EQ(data.examples[0].tokens, Strings({"# ", "New", "York"}));
  EXPECT_EQ(data.examples[0].labels, Strings({"O", "B-LOC", "I-LOC"}));
  EXPECT_EQ(data.examples[0].line, 1);
  EXPECT_EQ(data.examples[1].tokens, Strings({"\xF0\x9F\x98\x80 :"}));
  EXPECT_EQ(data.examples[1].line, 6);
}

TEST(ParseConll, OneColumnMeansNoLabels) {
  const DataSet data = conll("a\nb\n\nc\tX\n");
  EXPECT_EQ(data.examples.at(0).tokens, Strings({"a", "b"}));
  EXPECT_EQ(data.examples.at(0).labels, Strings());
  EXPECT_EQ(data.examples.at(1).labels, Strings({"X"}));
}

TEST(ParseConll, MalformedLines) {
  EXPECT_EQ(conll_error("a\tX\nb\tc\tX\n"), "in:2: has 3 columns, expected 2: token, tab, tag");
  EXPECT_EQ(conll_error("a\tX\n\tX\n"), "in:2: the token is empty, expected token, tab, tag");
  EXPECT_EQ(conll_error("a\tX\nb\t\n"), "in:2: the tag is empty, expected token, tab, tag");
  EXPECT_EQ(
      conll_error("a\tX\nb\n\nc\tX\n"),
      "in:2: the sentence ending here has words with and without a tag, expected all or none");
}

}  // namespace
