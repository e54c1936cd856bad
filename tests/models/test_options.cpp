// models/options.h: names and contradictions.
#include <gtest/gtest.h>
#include <masked_rnn/models/options.h>
#include <tests/support/errors.h>

namespace {

using namespace masked_rnn;
using masked_rnn::test::message_of;

ModelOptions smallest_options() {
  ModelOptions options;
  options.vocabulary_size = 10;
  options.num_labels = 2;
  return options;
}

TEST(ModelOptions, NamesAreReadBack) {
  for (const Task task : {Task::kClassify, Task::kLabel}) {
    EXPECT_EQ(task_from_name(name(task)), task);
  }
  for (const Cell cell : {Cell::kRnnTanh, Cell::kRnnRelu, Cell::kLstm, Cell::kGru}) {
    EXPECT_EQ(cell_from_name(name(cell)), cell);
  }
  for (const InputKind input : {InputKind::kEmbedding, InputKind::kOneHot, InputKind::kDense}) {
    EXPECT_EQ(input_kind_from_name(name(input)), input);
  }
  for (const Pooling pooling : {Pooling::kLast, Pooling::kMean, Pooling::kMax}) {
    EXPECT_EQ(pooling_from_name(name(pooling)), pooling);
  }
  EXPECT_EQ(name(Cell::kLstm), "lstm");
  EXPECT_EQ(name(Cell::kRnnTanh), "rnn");
}

TEST(ModelOptions, UnknownNamesListTheKnownOnes) {
  EXPECT_EQ(message_of([] { cell_from_name("cnn"); }),
            "masked_rnn: expected cell to be one of lstm, gru, rnn, rnn_relu, but got `cnn`");
  EXPECT_EQ(message_of([] { task_from_name(""); }),
            "masked_rnn: expected task to be one of classify, label, but got ``");
}

TEST(ModelOptions, DefaultsOfATextModelAreConsistent) {
  EXPECT_NO_THROW(check(smallest_options()));
}

struct Contradiction {
  void (*change)(ModelOptions&);
  const char* message;
};

TEST(ModelOptions, ContradictionsAreNamed) {
  const Contradiction contradictions[] = {
      {[](ModelOptions& o) { o.vocabulary_size = 0; },
       "masked_rnn: expected vocabulary_size to be at least 4, but got 0"},
      {[](ModelOptions& o) { o.feature_size = 3; },
       "masked_rnn: expected feature_size to be 0 with text input, but got 3"},
      {[](ModelOptions& o) { o.input = InputKind::kDense; },
       "masked_rnn: expected feature_size to be at least 1, but got 0"},
      {[](ModelOptions& o) {
         o.input = InputKind::kDense;
         o.feature_size = 3;
       },
       "masked_rnn: expected vocabulary_size to be 0 with dense input, but got 10"},
      {[](ModelOptions& o) {
         o.input = InputKind::kOneHot;
         o.character_hidden_size = 8;
       },
       "masked_rnn: expected character_hidden_size to be 0 with one_hot input, but got 8"},
      {[](ModelOptions& o) { o.num_labels = 0; },
       "masked_rnn: expected num_labels to be at least 1, but got 0"},
      {[](ModelOptions& o) { o.hidden_size = 0; },
       "masked_rnn: expected hidden_size to be at least 1, but got 0"},
      {[](ModelOptions& o) { o.num_layers = -1; },
       "masked_rnn: expected num_layers to be at least 1, but got -1"},
      {[](ModelOptions& o) { o.embedding_dim = 0; },
       "masked_rnn: expected embedding_dim to be at least 1, but got 0"},
      {[](ModelOptions& o) {
         o.cell = Cell::kGru;
         o.proj_size = 2;
       },
       "masked_rnn: expected proj_size to be 0 with the cell gru, but got 2"},
      {[](ModelOptions& o) { o.proj_size = 128; },
       "masked_rnn: expected proj_size to be less than hidden_size (128), but got 128"},
      {[](ModelOptions& o) { o.dropout = 1.0; },
       "masked_rnn: expected dropout to be at least 0 and less than 1, but got 1"},
  };
  for (const Contradiction& contradiction : contradictions) {
    ModelOptions options = smallest_options();
    contradiction.change(options);
    EXPECT_EQ(message_of([&] { check(options); }), contradiction.message);
  }
}

}  // namespace
