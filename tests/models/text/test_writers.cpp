// Sentences written with their tags (writers.h).
#include <masked_rnn/models/text/writers.h>
#include <tests/models/text/reading.h>
#include <tests/support/errors.h>

#include <fstream>
#include <vector>

namespace {

using masked_rnn::DataSet;
using masked_rnn::Example;
using masked_rnn::Format;
using masked_rnn::write_conll;
using masked_rnn::write_conllu;
using masked_rnn::test::message_of;
using masked_rnn::test::read_string;
using Strings = std::vector<std::string>;

std::string conllu(const Example& example, const Strings& tags) {
  std::ostringstream out;
  write_conllu(out, example, tags);
  return out.str();
}

std::string conll(const Example& example, const Strings& tags) {
  std::ostringstream out;
  write_conll(out, example, tags);
  return out.str();
}

const std::string kSentence =
    "# sent_id = 1\n"
    "#text = del mar\n"
    "0.1\te\te\tPRON\t_\t_\t_\t_\t1:x\t_\n"
    "1-2\tdel\t_\t_\t_\t_\t_\t_\t_\tSpaceAfter=No\n"
    "1\tde\tde\tADP\tE\tA=B|C=D\t3\tcase\t_\t_\n"
    "2\tel\tel\tDET\t_\t_\t3\tdet\t_\t_\n"
    "2.1\te-1\t_\tX\t_\t_\t_\t_\t_\t_\n"
    "3\t#-.\tmar\tNOUN\t_\t_\t0\troot\t_\t \n";

TEST(WriteConllu, ChangesOnlyTheTagsOfWords) {
  const DataSet data = read_string(kSentence, Format::kConllu);
  EXPECT_EQ(conllu(data.examples.at(0), {"ADP", "DET", "NOUN"}), kSentence + "\n");
  std::string changed = kSentence;
  changed.replace(changed.find("ADP"), 3, "P");
  changed.replace(changed.find("DET"), 3, "_");
  changed.replace(changed.find("NOUN"), 4, "N Q");
  EXPECT_EQ(conllu(data.examples.at(0), {"P", "_", "N Q"}), changed + "\n");
}

TEST(WriteConllu, NumbersTheWordsOfOtherSentences) {
  const std::string words = "1\tIt\t_\tX\t_\t_\t_\t_\t_\t_\n2\t's\t_\tY\t_\t_\t_\t_\t_\t_\n\n";
  const DataSet text = read_string("It's\n", Format::kText);
  EXPECT_EQ(conllu(text.examples.at(0), {"X", "Y"}), "# text = It's\n" + words);
  const DataSet columns = read_string("It\tA\n's\tB\n", Format::kConll);
  EXPECT_EQ(conllu(columns.examples.at(0), {"X", "Y"}), words);
}

TEST(WriteConllu, TextOfSeveralLinesIsOneComment) {
  const DataSet data = read_string("good,\"It\n's\"", Format::kCsv);
  EXPECT_TRUE(conllu(data.examples.at(0), {"X", "X", "X"}).starts_with("# text = It 's\n1\tIt\t"));
}

TEST(WriteConllu, WhatItWritesIsReadAgain) {
  const DataSet text = read_string("One two.\n# Three!\n", Format::kText);
  std::string written;
  for (const auto& example : text.examples) {
    written += conllu(example, Strings(example.tokens.size(), "X"));
  }
  const DataSet data = read_string(written, Format::kConllu);
  ASSERT_EQ(data.examples.size(), 2u);
  EXPECT_EQ(data.examples[1].tokens, Strings({"#", "Three", "!"}));
  EXPECT_EQ(data.examples[1].labels, Strings({"X", "X", "X"}));
}

TEST(WriteConll, TokensAndTags) {
  const DataSet data = read_string("New\tB-LOC\nYork\tI-LOC\n", Format::kConll);
  EXPECT_EQ(conll(data.examples.at(0), {"O", "X"}), "New\tO\nYork\tX\n\n");
}

TEST(WriteConllAndConllu, NeedOneTagPerToken) {
  const DataSet data = read_string("a\nb\n", Format::kConll);
  const std::string message = "masked_rnn: expected one tag per token (2), but got 1";
  EXPECT_EQ(message_of([&] { conllu(data.examples.at(0), {"X"}); }), message);
  EXPECT_EQ(message_of([&] { conll(data.examples.at(0), {"X"}); }), message);
}

using WriteRealData = masked_rnn::test::RealData;

TEST_F(WriteRealData, UdEnglishEwtComesBackByteByByte) {
  for (const char* part : {"dev", "test"}) {
    const std::string name = file(std::string("ud-english-ewt/en_ewt-ud-") + part + ".conllu");
    std::ostringstream expected, written;
    expected << std::ifstream(name, std::ios::binary).rdbuf();
    for (const Example& example : masked_rnn::read(name).examples) {
      write_conllu(written, example, example.labels);
    }
    EXPECT_TRUE(written.str() == expected.str()) << name;
  }
}

}  // namespace
