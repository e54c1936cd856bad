// Which sequences stand together, and the tensors of a batch (batches.h).
#include <masked_rnn/models/text/batches.h>
#include <tests/models/text/reading.h>
#include <tests/support/errors.h>

#include <algorithm>
#include <cmath>
#include <numeric>
#include <utility>
#include <vector>

namespace {

using masked_rnn::Batch;
using masked_rnn::BatchOptions;
using masked_rnn::DataSet;
using masked_rnn::Example;
using masked_rnn::Format;
using masked_rnn::LabelSet;
using masked_rnn::make_batch;
using masked_rnn::plan_batches;
using masked_rnn::Task;
using masked_rnn::Vocabulary;
using masked_rnn::WordDropout;
using masked_rnn::test::message_of;
using masked_rnn::test::read_string;
using Indices = std::vector<int64_t>;
using Plan = std::vector<Indices>;
using Rows = std::vector<Indices>;

const Indices kLengths{5, 3, 3, 4, 3, 5, 2, 4, 3, 5};

// 1000 lengths from 1 to 60.
Indices many_lengths() {
  Indices lengths;
  for (int64_t i = 0; i < 1000; ++i) lengths.push_back(1 + i * 7919 % 60);
  return lengths;
}

TEST(PlanBatches, TakesEverySequenceOnceWithinTheTokens) {
  const Indices lengths = many_lengths();
  for (const bool shuffle : {false, true}) {
    Indices seen;
    for (const Indices& batch : plan_batches(lengths, {100, 7, shuffle}, 1)) {
      int64_t longest = 0;
      for (const int64_t i : batch) longest = std::max(longest, lengths[i]);
      EXPECT_LE(longest * static_cast<int64_t>(batch.size()), 100);
      seen.insert(seen.end(), batch.begin(), batch.end());
    }
    std::sort(seen.begin(), seen.end());
    Indices all(lengths.size());
    std::iota(all.begin(), all.end(), 0);
    EXPECT_EQ(seen, all);
  }
}

TEST(PlanBatches, FillsTheTokensAndPadsLittle) {
  const Indices lengths = many_lengths();
  const int64_t valid = std::accumulate(lengths.begin(), lengths.end(), int64_t{0});
  int64_t padded = 0;
  const Plan plan = plan_batches(lengths, {1000, 7, true}, 1);
  for (const Indices& batch : plan) {
    int64_t longest = 0;
    for (const int64_t i : batch) longest = std::max(longest, lengths[i]);
    padded += longest * static_cast<int64_t>(batch.size());
  }
  EXPECT_LT(padded, valid * 1.05);
  EXPECT_LT(plan.size(), valid / 1000 * 1.15);
}

TEST(PlanBatches, LongSequencesStandAlone) {
  EXPECT_EQ(plan_batches({200, 3, 100, 101}, {100, 0, false}, 0), Plan({{1}, {2}, {3}, {0}}));
  EXPECT_EQ(plan_batches({2, 1}, {0, 0, false}, 0), Plan({{1}, {0}}));
  EXPECT_EQ(plan_batches({}, {100, 0, true}, 0), Plan());
}

TEST(PlanBatches, UnshuffledIsByLengthThenPlace) {
  const Plan expected{{6, 1, 2, 4}, {8, 3, 7}, {0, 5}, {9}};
  EXPECT_EQ(plan_batches(kLengths, {12, 7, false}, 1), expected);
  EXPECT_EQ(plan_batches(kLengths, {12, 8, false}, 2), expected);
}

// The expected values are those of SplitMix64 and Fisher and Yates' shuffle written in Python.
TEST(PlanBatches, ShufflesAlikeOnEveryMachine) {
  EXPECT_EQ(plan_batches(kLengths, {12, 7, true}, 1), Plan({{1, 7, 3}, {6, 8, 4, 2}, {5}, {0, 9}}));
  EXPECT_EQ(plan_batches(kLengths, {12, 7, true}, 2), Plan({{9}, {6, 8, 4, 2}, {5, 0}, {1, 7, 3}}));
}

TEST(PlanBatches, DependsOnSeedAndEpochAlone) {
  const Indices lengths = many_lengths();
  const BatchOptions options{100, 7, true};
  const Plan plan = plan_batches(lengths, options, 1);
  EXPECT_EQ(plan_batches(lengths, options, 1), plan);
  EXPECT_NE(plan_batches(lengths, options, 2), plan);
  EXPECT_NE(plan_batches(lengths, {100, 8, true}, 1), plan);
  EXPECT_NE(plan_batches(lengths, {100, 1, true}, 7), plan);
}

Rows rows(const torch::Tensor& tensor) {
  EXPECT_EQ(tensor.scalar_type(), torch::kLong);
  EXPECT_TRUE(tensor.is_contiguous());
  Rows all;
  for (int64_t t = 0; t < tensor.size(0); ++t) {
    const int64_t* row = tensor.const_data_ptr<int64_t>() + t * tensor.size(1);
    all.emplace_back(row, row + tensor.size(1));
  }
  return all;
}

Indices values(const torch::Tensor& tensor) {
  EXPECT_EQ(tensor.dim(), 1);
  return rows(tensor.unsqueeze(0)).at(0);
}

// The first example has 2 tokens, the second 1.
DataSet sentences() {
  return read_string("good\tThe cat\nbad\tcat\nodd\tdog cat dog\n", Format::kTsv);
}
// the 4, cat 5
Vocabulary the_cat() { return Vocabulary::build({{"the", "the", "cat"}}, 1); }
LabelSet good_bad() { return LabelSet::build({{"good", "bad"}}); }

constexpr int64_t kIgnore = Batch::kIgnoreIndex;

TEST(MakeBatch, WrapsTextAndPadsIt) {
  const DataSet data = sentences();
  const Vocabulary vocabulary = the_cat();
  const Batch batch = make_batch(data, {1, 0, 2}, &vocabulary, good_bad(), Task::kClassify, false);
  EXPECT_EQ(rows(batch.tokens), Rows({{2, 2, 2}, {5, 4, 1}, {3, 5, 5}, {0, 3, 1}, {0, 0, 3}}));
  EXPECT_EQ(values(batch.lengths), Indices({3, 4, 5}));
  EXPECT_EQ(values(batch.targets), Indices({0, 1, kIgnore}));  // bad, good, unknown
  EXPECT_EQ(batch.examples, Indices({1, 0, 2}));
  EXPECT_EQ(batch.num_sequences(), 3);
  for (const auto& absent :
       {batch.features, batch.characters, batch.character_lengths, batch.words}) {
    EXPECT_FALSE(absent.defined());
  }
  for (int64_t b = 0; b < 3; ++b) {
    EXPECT_EQ(masked_rnn::sequence_length(data.examples[batch.examples[b]]),
              values(batch.lengths)[b]);
  }
}

TEST(MakeBatch, LabelsOfTokensStandAtTheirSteps) {
  const DataSet data = read_string("the\tD\ncat\tN\ndog\tZ\n\ncat\tN\n\nthe\n", Format::kConll);
  const Vocabulary vocabulary = the_cat();
  const LabelSet labels = LabelSet::build({{"D", "N"}});
  const Batch batch = make_batch(data, {0, 1, 2}, &vocabulary, labels, Task::kLabel, false);
  EXPECT_EQ(rows(batch.targets),
            Rows({{kIgnore, kIgnore, kIgnore},
                  {0, 1, kIgnore},
                  {1, kIgnore, kIgnore},
                  {kIgnore, kIgnore, kIgnore},  // Z is not in the set
                  {kIgnore, kIgnore, kIgnore}}));
  EXPECT_FALSE(make_batch(data, {2}, &vocabulary, labels, Task::kLabel, false).targets.defined());
}

TEST(MakeBatch, WordsSpeltAsSpecialTokensAreUnknown) {
  const DataSet data = read_string("<pad>\tX\n<EOS>\tX\ncat\tX\n", Format::kConll);
  const Vocabulary vocabulary = the_cat();
  const Batch batch = make_batch(data, {0}, &vocabulary, {}, Task::kLabel, false);
  EXPECT_EQ(rows(batch.tokens), Rows({{2}, {1}, {1}, {5}, {3}}));
}

TEST(MakeBatch, CharactersAreTheBytesOfDistinctWords) {
  const DataSet data = read_string("Aa\n\xC3\xA6\nAa\n\naa\n\xC3\xA6\n", Format::kConll);
  const Vocabulary vocabulary = the_cat();
  const Batch batch = make_batch(data, {0, 1}, &vocabulary, {}, Task::kLabel, true);
  // 0 nothing, 1 Aa, 2 ae, 3 aa
  EXPECT_EQ(rows(batch.words), Rows({{0, 0}, {1, 3}, {2, 2}, {1, 0}, {0, 0}}));
  EXPECT_EQ(rows(batch.characters), Rows({{0, 'A', 0xC3, 'a'}, {0, 'a', 0xA6, 'a'}}));
  EXPECT_EQ(values(batch.character_lengths), Indices({0, 2, 2, 2}));
}

TEST(MakeBatch, CharactersOfLongWordsAreCut) {
  const std::string prefix(23, 'x');
  // The cut goes through a letter of two bytes, behind which the first two words differ.
  const DataSet data =
      read_string(prefix + "\xC3\xA6\n" + prefix + "\xC3\xB8z\n" + prefix + "y\n" + prefix + "\n",
                  Format::kConll);
  const Vocabulary vocabulary = the_cat();
  const Batch batch = make_batch(data, {0}, &vocabulary, {}, Task::kLabel, true);
  EXPECT_EQ(rows(batch.words), Rows({{0}, {1}, {1}, {2}, {3}, {0}}));
  EXPECT_EQ(values(batch.character_lengths), Indices({0, 24, 24, 23}));
  const Rows bytes = rows(batch.characters);
  ASSERT_EQ(bytes.size(), 24u);
  EXPECT_EQ(bytes[22], Indices({0, 'x', 'x', 'x'}));
  EXPECT_EQ(bytes[23], Indices({0, 0xC3, 'y', 0}));
}

TEST(MakeBatch, SeriesArePaddedWithZeros) {
  const DataSet data =
      read_string("@classLabel true a b\n@data\n1,2,3:4,5,6:b\n7:8:a\n", Format::kTs);
  const LabelSet labels = LabelSet::build({{"a", "b"}});
  const Batch batch = make_batch(data, {1, 0}, nullptr, labels, Task::kClassify, false);
  const torch::Tensor expected =
      torch::tensor({7.f, 8.f, 1.f, 4.f, 0.f, 0.f, 2.f, 5.f, 0.f, 0.f, 3.f, 6.f}).view({3, 2, 2});
  EXPECT_TRUE(batch.features.equal(expected));
  EXPECT_EQ(values(batch.lengths), Indices({1, 3}));
  EXPECT_EQ(values(batch.targets), Indices({0, 1}));
  EXPECT_FALSE(batch.tokens.defined());
}

TEST(MakeBatch, WrongArguments) {
  const DataSet text = sentences();
  const DataSet tagged = read_string("the\tD\ncat\tN\n", Format::kConll);
  const DataSet series = read_string("@classLabel false\n@data\n1\n", Format::kTs);
  const Vocabulary vocabulary = the_cat();
  const auto error = [](const DataSet& data, Indices indices, const Vocabulary* words, Task task) {
    return message_of([&] { make_batch(data, indices, words, good_bad(), task, false); });
  };
  EXPECT_EQ(error(text, {}, &vocabulary, Task::kClassify),
            "masked_rnn: expected at least one example in a batch");
  EXPECT_EQ(error(text, {0, 3}, &vocabulary, Task::kClassify),
            "masked_rnn: expected indices of examples in 0..2, but got 3");
  EXPECT_EQ(error(text, {-1}, &vocabulary, Task::kClassify),
            "masked_rnn: expected indices of examples in 0..2, but got -1");
  EXPECT_EQ(error(text, {0}, nullptr, Task::kClassify),
            "masked_rnn: expected series with features, but got text");
  EXPECT_EQ(error(series, {0}, &vocabulary, Task::kClassify),
            "masked_rnn: expected text, but got series");
  EXPECT_EQ(error(tagged, {0}, &vocabulary, Task::kClassify),
            "masked_rnn: expected one label for a sequence to classify, but got 2");
  EXPECT_EQ(error(text, {0}, &vocabulary, Task::kLabel),
            "masked_rnn: expected one label per token (2) for a sequence to label, but got 1");
}

// 100 sentences of 40 words: rare (once in the vocabulary) and often (9 times) by turns.
class WordDropoutOfBatches : public testing::Test {
 protected:
  void SetUp() override {
    for (int64_t i = 0; i < 100; ++i) {
      Example example;
      for (int64_t j = 0; j < 20; ++j) {
        example.tokens.insert(example.tokens.end(), {"rare", "often"});
      }
      data_.examples.push_back(example);
    }
  }

  torch::Tensor tokens(const Indices& examples, const WordDropout& dropout) const {
    return make_batch(data_, examples, &vocabulary_, {}, Task::kLabel, true, dropout).tokens;
  }

  // How many of the 2000 rare and of the 2000 frequent words are <unk>.
  std::pair<int64_t, int64_t> dropped(double alpha) const {
    Indices all(100);
    std::iota(all.begin(), all.end(), 0);
    const Rows steps = rows(tokens(all, {alpha, 7, 1}));
    std::pair<int64_t, int64_t> counts;
    for (size_t t = 0; t < steps.size(); ++t) {
      const auto unknown = std::count(steps[t].begin(), steps[t].end(), Vocabulary::kUnk);
      (t % 2 == 1 ? counts.first : counts.second) += unknown;
    }
    return counts;
  }

  DataSet data_;
  Vocabulary vocabulary_ = Vocabulary::build({{"rare"}, std::vector<std::string>(9, "often")}, 1);
};

using Dropped = std::pair<int64_t, int64_t>;

TEST_F(WordDropoutOfBatches, AlphaSaysHowMany) {
  EXPECT_EQ(dropped(0), Dropped(0, 0));
  EXPECT_EQ(dropped(1e300), Dropped(2000, 2000));
  const auto [rare, often] = dropped(1);  // one in 2, one in 10
  EXPECT_NEAR(rare, 1000, 4 * std::sqrt(2000 * 0.5 * 0.5));
  EXPECT_NEAR(often, 200, 4 * std::sqrt(2000 * 0.1 * 0.9));
}

TEST_F(WordDropoutOfBatches, WrappingTokensStay) {
  const Rows steps = rows(tokens({0, 1}, {1e300, 7, 1}));
  EXPECT_EQ(steps.front(), Indices({2, 2}));
  EXPECT_EQ(steps.back(), Indices({3, 3}));
}

// The expected values are those of SplitMix64 written in Python.
TEST_F(WordDropoutOfBatches, IsAlikeOnEveryMachine) {
  const auto first = [&](const Indices& examples, int64_t epoch) {
    std::string rare;  // whether each of the first 12 words is dropped, had it stood once
    for (auto& example : data_.examples) example.tokens.assign(12, "rare");
    const torch::Tensor column = tokens(examples, {1, 7, epoch}).select(1, 0).contiguous();
    for (const int64_t token : values(column.narrow(0, 1, 12))) {
      rare += token == Vocabulary::kUnk ? '1' : '0';
    }
    return rare;
  };
  EXPECT_EQ(first({0}, 1), "111101100110");
  EXPECT_EQ(first({1}, 1), "000111000110");
  EXPECT_EQ(first({0}, 2), "001101100101");
}

TEST_F(WordDropoutOfBatches, DoesNotDependOnTheBatch) {
  const WordDropout dropout{1, 7, 1};
  const torch::Tensor alone = tokens({5}, dropout);
  EXPECT_TRUE(tokens({9, 5, 2}, dropout).select(1, 1).equal(alone.select(1, 0)));
  EXPECT_FALSE(tokens({5}, {1, 8, 1}).equal(alone));
  EXPECT_FALSE(tokens({5}, {1, 7, 2}).equal(alone));
}

TEST_F(WordDropoutOfBatches, DoesNotDependOnTheWordsBefore) {
  const WordDropout dropout{1, 7, 1};
  const torch::Tensor before = tokens({5}, dropout);
  data_.examples[5].tokens[0] = "unknown";
  const torch::Tensor after = tokens({5}, dropout);
  EXPECT_TRUE(after.narrow(0, 2, 40).equal(before.narrow(0, 2, 40)));
}

TEST_F(WordDropoutOfBatches, LeavesCharacters) {
  const Batch batch = make_batch(data_, {0}, &vocabulary_, {}, Task::kLabel, true, {1e300, 7, 1});
  EXPECT_EQ(values(batch.character_lengths), Indices({0, 4, 5}));
}

}  // namespace
