// How text is split, and what is looked up (tokenizer.h).
#include <masked_rnn/models/text/tokenizer.h>
#include <tests/models/text/reading.h>

#include <fstream>
#include <vector>

namespace {

using masked_rnn::normalize;
using masked_rnn::tokenize;
using Strings = std::vector<std::string>;

std::string without_spaces(const std::string& text) {
  std::string rest;
  for (const char c : text) {
    if (std::string_view(" \t\n\v\f\r").find(c) == std::string_view::npos) rest += c;
  }
  return rest;
}

// No token is empty, and together they are the text without its whitespace.
void expect_all_of(const std::string& text) {
  std::string all;
  for (const auto& token : tokenize(text)) {
    EXPECT_FALSE(token.empty()) << text;
    all += token;
  }
  EXPECT_EQ(all, without_spaces(text));
}

TEST(Tokenize, SplitsAtAsciiWhitespaceOnly) {
  EXPECT_EQ(tokenize(" a\tb\nc\vd\fe\r\nf  g "), Strings({"a", "b", "c", "d", "e", "f", "g"}));
  EXPECT_EQ(tokenize("a\xC2\xA0"
                     "b\xE2\x80\x83"
                     "c"),
            Strings({"a\xC2\xA0"
                     "b\xE2\x80\x83"
                     "c"}));
  EXPECT_EQ(tokenize(""), Strings());
  EXPECT_EQ(tokenize(" \t\r\n\v\f"), Strings());
}

TEST(Tokenize, TakesPunctuationFromBothEnds) {
  EXPECT_EQ(tokenize("(\"Yes,\" she said.)"),
            Strings({"(", "\"", "Yes", ",", "\"", "she", "said", ".", ")"}));
  EXPECT_EQ(tokenize("Well...?!! --no--"), Strings({"Well", "...", "?", "!!", "--", "no", "--"}));
  EXPECT_EQ(tokenize("..., !"), Strings({"...", ",", "!"}));
  // every byte that is punctuation
  for (char c = '!'; c <= '~'; ++c) {
    const bool letter = (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z');
    const std::string one(1, c);
    EXPECT_EQ(tokenize(one + "x"), letter ? Strings({one + "x"}) : Strings({one, "x"}));
    EXPECT_EQ(tokenize("x" + one), letter ? Strings({"x" + one}) : Strings({"x", one}));
  }
}

TEST(Tokenize, KeepsPunctuationInsideWords) {
  EXPECT_EQ(
      tokenize("3,000.50 U.S.A. well-known and/or me@example.org $5"),
      Strings({"3,000.50", "U.S.A", ".", "well-known", "and/or", "me@example.org", "$", "5"}));
}

TEST(Tokenize, SplitsContractions) {
  EXPECT_EQ(tokenize("don't CAN'T it's I'm he'd We'RE they've I'll."),
            Strings({"do",
                     "n't",
                     "CA",
                     "N'T",
                     "it",
                     "'s",
                     "I",
                     "'m",
                     "he",
                     "'d",
                     "We",
                     "'RE",
                     "they",
                     "'ve",
                     "I",
                     "'ll",
                     "."}));
  EXPECT_EQ(tokenize("cats' o'clock n't 's x'd've"),
            Strings({"cats", "'", "o'clock", "n't", "'", "s", "x'd", "'ve"}));
}

TEST(Tokenize, OtherBytesAreLetters) {
  EXPECT_EQ(
      tokenize("\xC3\x86rlig! it\xE2\x80\x99s \xF0\x9F\x98\x80. \x01,\x7F"),
      Strings({"\xC3\x86rlig", "!", "it\xE2\x80\x99s", "\xF0\x9F\x98\x80", ".", "\x01,\x7F"}));
  EXPECT_EQ(tokenize("\xFF\xFE. \x80\xC3"), Strings({"\xFF\xFE", ".", "\x80\xC3"}));
  EXPECT_EQ(tokenize(std::string("a\0b\0 c", 6)), Strings({std::string("a\0b\0", 4), "c"}));
}

TEST(Tokenize, LosesNothing) {
  uint64_t state = 1;
  const std::string often = "aBs'nt.,-! \t\xC3";
  for (int i = 0; i < 2000; ++i) {
    std::string text;
    for (int length = i % 40; length > 0; --length) {
      state = state * 6364136223846793005u + 1442695040888963407u;
      const auto random = static_cast<unsigned>(state >> 40);
      text +=
          random % 4 == 0 ? static_cast<char>(random >> 8) : often[(random >> 8) % often.size()];
    }
    expect_all_of(text);
  }
}

TEST(Normalize, LowersAsciiCapitalsOnly) {
  EXPECT_EQ(normalize("AbZ@[`{\xC3\x86 N'T19"), "abz@[`{\xC3\x86 n't19");
  EXPECT_EQ(normalize(""), "");
}

using TokenizeRealData = masked_rnn::test::RealData;

TEST_F(TokenizeRealData, LosesNothingOfUdEnglishEwt) {
  const std::string start = "# text = ";
  int64_t texts = 0;
  for (const char* part : {"train", "dev", "test"}) {
    std::ifstream stream(file(std::string("ud-english-ewt/en_ewt-ud-") + part + ".conllu"));
    ASSERT_TRUE(stream.is_open());
    for (std::string line; std::getline(stream, line);) {
      if (!line.starts_with(start)) continue;
      expect_all_of(line.substr(start.size()));
      ++texts;
    }
  }
  EXPECT_EQ(texts, 12544 + 2001 + 2077);
}

}  // namespace
