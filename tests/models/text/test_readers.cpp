// Files and streams of every format, and the real data sets (readers.h).
#include <masked_rnn/models/files.h>
#include <tests/models/text/reading.h>
#include <tests/support/folders.h>

#include <ctime>
#include <set>
#include <utility>
#include <vector>

namespace {

using masked_rnn::DataSet;
using masked_rnn::Format;
using masked_rnn::format_from_name;
using masked_rnn::format_of;
using masked_rnn::read;
using masked_rnn::write_atomically;
using masked_rnn::test::data_error_of;
using masked_rnn::test::Folder;
using masked_rnn::test::read_string;
using masked_rnn::test::reading_error;
using namespace std::string_literals;

const std::vector<std::pair<std::string, Format>> kFormats{{"tsv", Format::kTsv},
                                                           {"csv", Format::kCsv},
                                                           {"conllu", Format::kConllu},
                                                           {"conll", Format::kConll},
                                                           {"ts", Format::kTs},
                                                           {"txt", Format::kText}};

TEST(Formats, AreToldByExtensionAndByName) {
  for (const auto& [name, format] : kFormats) {
    EXPECT_EQ(format_of("folder.x/file.y." + name), format);
    EXPECT_EQ(format_from_name(name), format);
  }
}

TEST(Formats, UnknownOnesAreErrors) {
  for (const std::string file : {"", "tsv", "file", "file.", "file.xml", "a.tsv/file", "a.tsv "}) {
    EXPECT_EQ(data_error_of([&] { format_of(file); }),
              file + ": unknown kind of file, expected .tsv, .csv, .conllu, .conll, .ts or .txt");
  }
  EXPECT_EQ(data_error_of([] { format_from_name(".tsv"); }),
            "unknown format '.tsv', expected tsv, csv, conllu, conll, ts or txt");
}

TEST(Read, FilesAndStreamsAlike) {
  const Folder folder;
  write_atomically(folder / "a.tsv", "good\tIt works.\n");
  const DataSet data = read(folder / "a.tsv");
  EXPECT_EQ(data.file, folder / "a.tsv");
  EXPECT_EQ(data.format, Format::kTsv);
  EXPECT_EQ(data.examples.at(0).text, "It works.");
  EXPECT_EQ(read(folder / "a.tsv", Format::kText).examples.at(0).text, "good\tIt works.");
  const DataSet stream = read_string("good\tIt works.\n", Format::kTsv);
  EXPECT_EQ(stream.file, "in");
  EXPECT_EQ(stream.format, Format::kTsv);
  EXPECT_EQ(stream.examples.at(0).tokens, data.examples.at(0).tokens);
}

TEST(Read, FilesThatCannotBeRead) {
  const Folder folder;
  EXPECT_EQ(data_error_of([&] { read(folder / "no.tsv"); }),
            folder / "no.tsv" + ": cannot be read: No such file or directory");
  std::filesystem::create_directory(folder / "folder.csv");
  EXPECT_EQ(data_error_of([&] { read(folder / "folder.csv"); }),
            folder / "folder.csv" + ": cannot be read: Is a directory");
  write_atomically(folder / "a.tsv", "good\ta\n");
  EXPECT_EQ(data_error_of([&] { read(folder / "a.tsv/b.tsv"); }),
            folder / "a.tsv/b.tsv" + ": cannot be read: Not a directory");
}

TEST(Read, ErrorsNameTheFile) {
  const Folder folder;
  write_atomically(folder / "a.tsv", "good\ta\nbad\n");
  EXPECT_EQ(data_error_of([&] { read(folder / "a.tsv"); }),
            folder / "a.tsv" + ":2: has 1 column, expected 2: label, tab, text");
}

TEST(Read, EmptyAndBlankFiles) {
  for (const auto& [name, format] : kFormats) {
    if (format == Format::kTs) continue;  // has a header, see test_parse_ts.cpp
    for (const std::string content : {"", "\n", "\r\n \n\t\n", "\xEF\xBB\xBF\n\n"}) {
      EXPECT_EQ(reading_error(content, format), "in: holds no example, expected at least one")
          << name;
    }
  }
}

TEST(Read, BinaryFilesAndInvalidUtf8) {
  for (const auto& [name, format] : kFormats) {
    EXPECT_EQ(reading_error("\x89PNG\r\n\x1A\n\0\0\0\rIHDR"s, format),
              "in:1: invalid UTF-8 at byte 1")
        << name;
    EXPECT_EQ(reading_error("PK\x03\x04\0\0"s, format),
              "in:1: holds a NUL byte, expected text, not a binary file")
        << name;
  }
}

class ReadRealData : public masked_rnn::test::RealData {
 protected:
  // Reads a file in less than a second of the processor's time, if nothing watches every access.
  DataSet read_quickly(const std::string& name) const {
    const std::clock_t start = std::clock();
    DataSet data = read(file(name));
#if defined(__SANITIZE_ADDRESS__)
    static_cast<void>(start);
#else
    EXPECT_LT(std::clock() - start, CLOCKS_PER_SEC) << name;
#endif
    return data;
  }

  struct Counts {
    size_t sentences, words;
    bool operator==(const Counts&) const = default;
  };

  // Every word or, for classification, every sentence has a label.
  static Counts counts_of(const DataSet& data) {
    Counts counts{data.examples.size(), 0};
    for (const auto& example : data.examples) {
      counts.words += example.tokens.size();
      EXPECT_EQ(example.labels.size(), data.format == Format::kTsv ? 1 : example.tokens.size());
    }
    return counts;
  }

  static std::set<std::string> labels_of(const DataSet& data) {
    std::set<std::string> labels;
    for (const auto& example : data.examples) {
      labels.insert(example.labels.begin(), example.labels.end());
    }
    return labels;
  }
};

TEST_F(ReadRealData, UdEnglishEwt) {
  const DataSet train = read_quickly("ud-english-ewt/en_ewt-ud-train.conllu");
  EXPECT_EQ(counts_of(train), (Counts{12544, 204577}));
  EXPECT_EQ(labels_of(train),
            (std::set<std::string>{"ADJ",
                                   "ADP",
                                   "ADV",
                                   "AUX",
                                   "CCONJ",
                                   "DET",
                                   "INTJ",
                                   "NOUN",
                                   "NUM",
                                   "PART",
                                   "PRON",
                                   "PROPN",
                                   "PUNCT",
                                   "SCONJ",
                                   "SYM",
                                   "VERB",
                                   "X"}));
  EXPECT_EQ(counts_of(read_quickly("ud-english-ewt/en_ewt-ud-dev.conllu")), (Counts{2001, 25147}));
  EXPECT_EQ(counts_of(read_quickly("ud-english-ewt/en_ewt-ud-test.conllu")), (Counts{2077, 25094}));
}

TEST_F(ReadRealData, Wnut17) {
  const DataSet train = read_quickly("wnut17/train.conll");
  EXPECT_EQ(counts_of(train), (Counts{3394, 62730}));
  EXPECT_EQ(labels_of(train).size(), 13u);  // 6 kinds, B- and I-, and O
  EXPECT_EQ(counts_of(read_quickly("wnut17/dev.conll")), (Counts{1009, 15733}));
  EXPECT_EQ(counts_of(read_quickly("wnut17/test.conll")), (Counts{1287, 23394}));
}

TEST_F(ReadRealData, UnerDanishDdt) {
  const DataSet train = read_quickly("uner-danish-ddt/train.conll");
  EXPECT_EQ(counts_of(train), (Counts{4383, 80378}));
  EXPECT_EQ(labels_of(train),
            (std::set<std::string>{"O", "B-PER", "I-PER", "B-LOC", "I-LOC", "B-ORG", "I-ORG"}));
  EXPECT_EQ(counts_of(read_quickly("uner-danish-ddt/dev.conll")), (Counts{564, 10332}));
  EXPECT_EQ(counts_of(read_quickly("uner-danish-ddt/test.conll")), (Counts{565, 10023}));
}

TEST_F(ReadRealData, SentimentSentences) {
  const DataSet train = read_quickly("sentiment-sentences/train.tsv");
  EXPECT_EQ(counts_of(train).sentences, 2397u);
  EXPECT_EQ(labels_of(train), (std::set<std::string>{"negative", "positive"}));
  EXPECT_EQ(counts_of(read_quickly("sentiment-sentences/dev.tsv")).sentences, 299u);
  EXPECT_EQ(counts_of(read_quickly("sentiment-sentences/test.tsv")).sentences, 304u);
}

}  // namespace
