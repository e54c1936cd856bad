// The TorchScript tokenizer splits every text as text/tokenizer does.
#include <gtest/gtest.h>
#include <masked_rnn/models/export/tokenizer_program.h>
#include <masked_rnn/models/text/tokenizer.h>
#include <torch/csrc/jit/api/module.h>
#include <torch/csrc/jit/frontend/resolver.h>

#include <algorithm>
#include <atomic>
#include <cstdlib>
#include <fstream>
#include <new>
#include <random>

namespace {

std::atomic<size_t> allocated_bytes = 0;  // by operator new, so far

}  // namespace

void* operator new(size_t bytes) {
  allocated_bytes += bytes;
  if (void* memory = std::malloc(bytes)) return memory;
  throw std::bad_alloc();
}

void* operator new(size_t bytes, const std::nothrow_t&) noexcept {
  allocated_bytes += bytes;
  return std::malloc(bytes);
}

void operator delete(void* memory) noexcept { std::free(memory); }
void operator delete(void* memory, size_t) noexcept { std::free(memory); }
void operator delete(void* memory, const std::nothrow_t&) noexcept { std::free(memory); }

namespace {

class TokenizerProgram : public testing::Test {
 protected:
  void SetUp() override {
    module_.define(masked_rnn::tokenizer_program(), torch::jit::nativeResolver());
  }

  std::vector<std::string> tokenize(const std::string& text) {
    std::vector<std::string> tokens;
    const c10::IValue list = module_.get_method("tokenize")({text});
    for (const c10::IValue& token : list.toListRef()) {
      tokens.push_back(token.toStringRef());
    }
    return tokens;
  }

  void expect_same(const std::string& text) {
    const std::vector<std::string> expected = masked_rnn::tokenize(text);
    ASSERT_EQ(tokenize(text), expected) << text;
    for (const std::string& token : expected) {
      ASSERT_EQ(module_.get_method("normalize")({token}).toStringRef(),
                masked_rnn::normalize(token));
    }
  }

  torch::jit::Module module_{c10::QualifiedName("Tokenizer")};
};

TEST_F(TokenizerProgram, SplitsAsDocumented) {
  const std::vector<std::string> expected = {"\"", "Do", "n't", "!!", "?", "It", "'s", "...", "\""};
  EXPECT_EQ(tokenize("\"Don't!!? It's...\""), expected);
}

TEST_F(TokenizerProgram, AgreesOnOddStrings) {
  for (const std::string& text :
       {std::string(),
        std::string(" \t\r\n\v\f "),
        std::string("a"),
        std::string("..."),
        std::string("'s"),
        std::string("n't"),
        std::string("cann't'll CAN'T it's'"),
        std::string("don't\xc2\xa0stop"),
        std::string("\xff\xfe\x80 \xc3( \xe2\x82"),
        std::string("a\0b \0", 5),
        std::string("na\xc3\xafve caf\xc3\x89\xe2\x80\x99s \xf0\x9f\x98\x80!"),
        std::string(5000, 'x'),
        std::string(5000, '-'),
        std::string(2500, '-') + "x" + std::string(2500, '!')}) {
    expect_same(text);
  }
}

TEST_F(TokenizerProgram, AgreesOnRandomBytes) {
  std::mt19937 random(1);
  const std::string often = "aB'nt sdLe.,-!\t\xc3";
  for (int i = 0; i < 2000; ++i) {
    std::string text;
    for (unsigned length = random() % 30; length > 0; --length) {
      text += random() % 4 == 0 ? static_cast<char>(random()) : often[random() % often.size()];
    }
    expect_same(text);
  }
}

// What would make its time quadratic copies: text[i] the text, a slice of a list the rest of the list.
TEST_F(TokenizerProgram, AllocatesInProportionToTheLength) {
  auto bytes = [this](size_t words) {
    std::string text;
    for (size_t i = 0; i < words; ++i) text += "wasn't, ";
    const size_t before = allocated_bytes;
    EXPECT_EQ(tokenize(text).size(), 3 * words);
    return allocated_bytes - before;
  };
  bytes(1000);  // the program is compiled by its first calls
  bytes(1000);
  const size_t few = bytes(1000);
  EXPECT_GT(few, 1000u);
  EXPECT_LT(bytes(16000), 20 * few);
}

TEST_F(TokenizerProgram, AgreesOnEverySentenceOfUdEnglishEwt) {
  const char* folder = std::getenv("MASKED_RNN_DATA");
  if (folder == nullptr) GTEST_SKIP() << "MASKED_RNN_DATA names no folder of data sets";
  std::ifstream file(std::string(folder) + "/ud-english-ewt/en_ewt-ud-test.conllu");
  ASSERT_TRUE(file.is_open());
  const std::string comment = "# text = ";
  std::string line, words;
  int64_t sentences = 0;
  // The sentences as written where the file tells them, and in any case their words, spaced.
  auto check_words = [&] {
    if (words.empty()) return;
    expect_same(words);
    words.clear();
    ++sentences;
  };
  while (std::getline(file, line)) {
    if (line.rfind(comment, 0) == 0) expect_same(line.substr(comment.size()));
    if (line.empty()) check_words();
    if (line.empty() || line[0] == '#') continue;
    const size_t form = line.find('\t') + 1;
    words += line.substr(form, line.find('\t', form) - form) + ' ';
  }
  check_words();
  EXPECT_EQ(sentences, 2077);
}

}  // namespace
