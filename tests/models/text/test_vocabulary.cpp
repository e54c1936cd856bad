// Indices of tokens and labels, and their files (vocabulary.h).
#include <c10/util/Exception.h>
#include <masked_rnn/models/files.h>
#include <masked_rnn/models/text/vocabulary.h>
#include <tests/models/text/reading.h>
#include <tests/support/folders.h>

#include <vector>

namespace {

using masked_rnn::LabelSet;
using masked_rnn::Vocabulary;
using masked_rnn::write_atomically;
using masked_rnn::test::content_of;
using masked_rnn::test::data_error_of;
using masked_rnn::test::Folder;
using namespace std::string_literals;
using Strings = std::vector<std::string>;

const std::string kSpecials = "<pad>\t0\n<unk>\t0\n<sos>\t0\n<eos>\t0\n";

Vocabulary sample(int64_t min_count) {
  return Vocabulary::build({{"The", "cat", "saw", "the", "dog"}, {"THE", "dog", "\xC3\x86", "b"}},
                           min_count);
}

// The error of loading a file with this content, without the folder's name.
template <typename Set>
std::string loading_error(const std::string& content) {
  const Folder folder;
  write_atomically(folder / "file", content);
  const std::string error = data_error_of([&] { Set::load(folder / "file"); });
  return error.starts_with(folder.path() + "/") ? error.substr(folder.path().size() + 1) : error;
}

TEST(Vocabulary, OrdersByCountThenBytesAfterTheSpecialTokens) {
  const Vocabulary vocabulary = sample(1);
  EXPECT_EQ(
      vocabulary.tokens(),
      Strings({"<pad>", "<unk>", "<sos>", "<eos>", "the", "dog", "b", "cat", "saw", "\xC3\x86"}));
  EXPECT_EQ(vocabulary.size(), 10);
  EXPECT_EQ(vocabulary.index("<pad>"), Vocabulary::kPad);
  EXPECT_EQ(vocabulary.index("<unk>"), Vocabulary::kUnk);
  EXPECT_EQ(vocabulary.index("<sos>"), Vocabulary::kSos);
  EXPECT_EQ(vocabulary.index("<eos>"), Vocabulary::kEos);
  EXPECT_EQ(vocabulary.count(4), 3);
  EXPECT_EQ(vocabulary.count(5), 2);
  EXPECT_EQ(vocabulary.count(9), 1);
  EXPECT_EQ(vocabulary.count(Vocabulary::kUnk), 0);
}

TEST(Vocabulary, LeavesOutWhatIsRare) {
  EXPECT_EQ(sample(2).tokens(), Strings({"<pad>", "<unk>", "<sos>", "<eos>", "the", "dog"}));
  EXPECT_EQ(sample(4).size(), 4);
  EXPECT_EQ(Vocabulary::build({}, 1).size(), 4);
}

TEST(Vocabulary, LooksUpInAnyAsciiCase) {
  const Vocabulary vocabulary = sample(1);
  EXPECT_EQ(vocabulary.index("tHe"), 4);
  EXPECT_EQ(vocabulary.token(4), "the");
  EXPECT_EQ(vocabulary.index("\xC3\x86"), 9);
  EXPECT_EQ(vocabulary.index("\xC3\xA6"), Vocabulary::kUnk);
  EXPECT_EQ(vocabulary.index(""), Vocabulary::kUnk);
}

TEST(Vocabulary, WordsSpeltAsSpecialTokensAreNotAddedAgain) {
  const Vocabulary vocabulary = Vocabulary::build({{"<pad>", "<EOS>", "a", "<eos>"}}, 1);
  EXPECT_EQ(vocabulary.tokens(), Strings({"<pad>", "<unk>", "<sos>", "<eos>", "a"}));
  EXPECT_EQ(vocabulary.count(Vocabulary::kEos), 0);
}

TEST(Vocabulary, IndicesOutsideAreErrors) {
  const Vocabulary vocabulary = Vocabulary::build({}, 1);
  for (const int64_t index : {-1, 4}) {
    try {
      vocabulary.token(index);
      FAIL();
    } catch (const c10::Error& error) {
      EXPECT_EQ(error.what_without_backtrace(),
                "masked_rnn: expected an index in 0..3, but got " + std::to_string(index));
    }
  }
}

TEST(Vocabulary, ComesBackFromItsFile) {
  const Folder folder;
  const std::string odd = "\xC2\xA0\r'\"# ,\xF0\x9F\x98\x80";
  const Vocabulary before = Vocabulary::build({{"a", "b", "a", odd, "\xEF\xBB\xBF", "7"}}, 1);
  before.save(folder / "vocabulary.txt");
  EXPECT_EQ(content_of(folder / "vocabulary.txt"),
            kSpecials + "a\t2\n7\t1\nb\t1\n" + odd + "\t1\n\xEF\xBB\xBF\t1\n");
  const Vocabulary after = Vocabulary::load(folder / "vocabulary.txt");
  EXPECT_EQ(after.tokens(), before.tokens());
  for (int64_t i = 0; i < before.size(); ++i) {
    EXPECT_EQ(after.count(i), before.count(i));
    EXPECT_EQ(after.index(before.token(i)), i);
  }
}

TEST(Vocabulary, FilesThatAreNone) {
  const auto error = loading_error<Vocabulary>;
  EXPECT_EQ(error(""), "file:1: expected the token <pad> of a vocabulary");
  EXPECT_EQ(error("a\t1\n" + kSpecials), "file:1: expected the token <pad> of a vocabulary");
  EXPECT_EQ(error("<pad>\t0\n<unk>\t0\n<eos>\t0\n<sos>\t0\n"),
            "file:3: expected the token <sos> of a vocabulary");
  EXPECT_EQ(error("<pad>\t0\n<unk>\t0\n"), "file:3: expected the token <sos> of a vocabulary");
  EXPECT_EQ(error(kSpecials + "a\t1\nb\t1\na\t1\n"),
            "file:7: 'a' stands here a second time, expected every name once");
  EXPECT_EQ(error(kSpecials + "a\t1\xFF\n"), "file:5: invalid UTF-8 at byte 4");
  EXPECT_EQ(error(kSpecials + "\0"s), "file:5: holds a NUL byte, expected text, not a binary file");
}

TEST(Vocabulary, MalformedLines) {
  for (const std::string line : {"",
                                 "a",
                                 "a\t",
                                 "\t1",
                                 "a 1",
                                 "a\tx",
                                 "a\t1x",
                                 "a\t-1",
                                 "a\t1 ",
                                 "a\t1\t",
                                 "a\t99999999999999999999"}) {
    EXPECT_EQ(loading_error<Vocabulary>(kSpecials + line + "\nb\t1\n"),
              "file:5: expected a name, a tab and a count");
  }
}

TEST(Vocabulary, FilesThatCannotBeRead) {
  const Folder folder;
  EXPECT_EQ(data_error_of([&] { Vocabulary::load(folder / "no"); }),
            folder / "no" + ": cannot be read: No such file or directory");
  EXPECT_EQ(data_error_of([&] { Vocabulary::load(folder.path()); }),
            folder.path() + ": cannot be read: Is a directory");
}

TEST(LabelSet, OrdersByBytesAndKeepsCase) {
  const LabelSet labels = LabelSet::build({{"b", "a"}, {}, {"B", "b", "\xC3\xA6 x"}});
  EXPECT_EQ(labels.labels(), Strings({"B", "a", "b", "\xC3\xA6 x"}));
  EXPECT_EQ(labels.label(2), "b");
  EXPECT_EQ(labels.count(2), 2);
  EXPECT_EQ(labels.index("a"), 1);
  EXPECT_EQ(labels.index("A"), -1);
  EXPECT_EQ(LabelSet().size(), 0);
}

TEST(LabelSet, ComesBackFromItsFile) {
  const Folder folder;
  LabelSet::build({{"<pad>", "good", "good", "not good"}}).save(folder / "labels.txt");
  EXPECT_EQ(content_of(folder / "labels.txt"), "<pad>\t1\ngood\t2\nnot good\t1\n");
  const LabelSet labels = LabelSet::load(folder / "labels.txt");
  EXPECT_EQ(labels.labels(), Strings({"<pad>", "good", "not good"}));
  EXPECT_EQ(labels.index("not good"), 2);
  EXPECT_EQ(labels.count(1), 2);
}

TEST(LabelSet, FilesThatAreNone) {
  const auto error = loading_error<LabelSet>;
  EXPECT_EQ(error(""), "file: is empty, expected one label per line");
  EXPECT_EQ(error("a\t1\na\t2\n"),
            "file:2: 'a' stands here a second time, expected every name once");
  EXPECT_EQ(error("a\t1\nb\n"), "file:2: expected a name, a tab and a count");
}

}  // namespace
