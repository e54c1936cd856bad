// models/encoder.h: what reaches the recurrent layers, and batches that do not suit the model.
#include <gtest/gtest.h>
#include <masked_rnn/models/encoder.h>
#include <tests/support/batches.h>
#include <tests/support/errors.h>

namespace {

using namespace masked_rnn;
using masked_rnn::test::message_of;
using masked_rnn::test::random_batch;
using torch::Tensor;

ModelOptions text_options() {
  ModelOptions options;
  options.vocabulary_size = 12;
  options.num_labels = 3;
  options.embedding_dim = 6;
  options.hidden_size = 5;
  options.bidirectional = true;
  return options;
}

ModelOptions character_options() {
  ModelOptions options = text_options();
  options.character_hidden_size = 4;
  options.character_embedding_dim = 3;
  return options;
}

ModelOptions dense_options() {
  ModelOptions options = text_options();
  options.input = InputKind::kDense;
  options.vocabulary_size = 0;
  options.feature_size = 3;
  return options;
}

class EncoderTest : public testing::Test {
 protected:
  void SetUp() override { torch::manual_seed(1); }
};

TEST_F(EncoderTest, EmbeddingIsTheRowOfTheToken) {
  Encoder encoder(text_options());
  const Batch batch = random_batch(text_options(), {4, 2});
  const Tensor weight = encoder->named_parameters()["embedding.weight"];
  EXPECT_TRUE(encoder->embed(batch).equal(weight.index({batch.tokens})));
}

TEST_F(EncoderTest, OneHotIndicesGoStraightToTheLayers) {
  ModelOptions options = text_options();
  options.input = InputKind::kOneHot;
  options.dropout = 0.5;
  Encoder encoder(options);
  const Batch batch = random_batch(options, {4, 2});
  EXPECT_TRUE(encoder->embed(batch).equal(batch.tokens));
  EXPECT_EQ(encoder->forward(batch).output.sizes(), at::IntArrayRef({4, 2, 10}));
}

// A word's weights stand beside each other.
TEST_F(EncoderTest, WeightsOfOneHotInputAreHeldByColumns) {
  ModelOptions options = text_options();
  options.input = InputKind::kOneHot;
  Encoder encoder(options);
  int found = 0;
  for (const auto& parameter : encoder->named_parameters()) {
    if (parameter.key().find("weight_ih_l0") == std::string::npos) continue;
    EXPECT_EQ(parameter.value().strides(), at::IntArrayRef({1, 20})) << parameter.key();
    ++found;
  }
  EXPECT_EQ(found, 2);
}

TEST_F(EncoderTest, InputsAreDroppedOnlyInTraining) {
  for (ModelOptions options : {text_options(), dense_options()}) {
    options.dropout = 0.5;
    Encoder encoder(options);
    const Batch batch = random_batch(options, {40, 20});
    const Tensor dropped = encoder->embed(batch);
    encoder->eval();
    const Tensor kept = encoder->embed(batch);
    const Tensor is_kept = dropped != 0;
    EXPECT_TRUE(at::allclose(dropped, at::where(is_kept, kept * 2.0, at::zeros_like(kept))));
    EXPECT_FALSE(dropped.equal(kept * 2.0));
  }
}

TEST_F(EncoderTest, CharactersAreReadWordByWord) {
  Encoder encoder(character_options());
  const Batch batch = random_batch(character_options(), {4, 2, 3});
  const Tensor input = encoder->embed(batch);
  ASSERT_EQ(input.sizes(), at::IntArrayRef({4, 3, 6 + 2 * 4}));

  // The same bytes through torch::nn, one word at a time.
  const auto weights = encoder->named_parameters();
  torch::nn::LSTM layers(torch::nn::LSTMOptions(3, 4).bidirectional(true));
  {
    torch::NoGradGuard no_grad;
    for (auto& item : layers->named_parameters()) {
      item.value().copy_(weights["character_layers.rnn." + item.key()]);
    }
  }
  for (int64_t t = 0; t < 4; ++t) {
    for (int64_t b = 0; b < 3; ++b) {
      const auto word = batch.words[t][b].item<int64_t>();
      const auto length = batch.character_lengths[word].item<int64_t>();
      Tensor expected = at::zeros({8});
      if (length > 0) {
        const Tensor bytes = batch.characters.select(1, word).slice(0, 0, length);
        const Tensor vectors = weights["character_embedding.weight"].index({bytes}).unsqueeze(1);
        expected = std::get<0>(std::get<1>(layers->forward(vectors))).flatten();
      }
      EXPECT_TRUE(at::allclose(input[t][b].slice(0, 6), expected, 1e-5, 1e-6)) << t << ", " << b;
    }
  }
}

TEST_F(EncoderTest, EveryParameterGetsAGradient) {
  Encoder encoder(character_options());
  const auto states = encoder->forward(random_batch(character_options(), {4, 2, 3}));
  states.output.square().sum().backward();
  for (const auto& item : encoder->named_parameters()) {
    ASSERT_TRUE(item.value().grad().defined()) << item.key();
    EXPECT_GT(item.value().grad().abs().sum().item<double>(), 0.0) << item.key();
  }
}

TEST_F(EncoderTest, FittedFeaturesHaveMeanZeroAndDeviationOne) {
  Encoder encoder(dense_options());
  const std::vector<Tensor> series = {at::randn({5, 3}) * 3.0 + 2.0, at::randn({9, 3}) - 4.0};
  encoder->fit_features(series);
  Batch batch;
  batch.features = at::cat(series).unsqueeze(1);
  batch.lengths = torch::tensor({14});
  const Tensor input = encoder->embed(batch).squeeze(1);
  EXPECT_TRUE(at::allclose(input.mean(0), at::zeros({3}), 0.0, 1e-6));
  EXPECT_TRUE(at::allclose(input.std(0, /*unbiased=*/false), at::ones({3}), 1e-5, 0.0));
}

TEST_F(EncoderTest, AConstantFeatureIsOnlyCentred) {
  Encoder encoder(dense_options());
  encoder->fit_features({at::full({4, 3}, 5.0)});
  Batch batch;
  batch.features = at::full({2, 1, 3}, 6.0);
  batch.lengths = torch::tensor({2});
  EXPECT_TRUE(encoder->embed(batch).equal(at::ones({2, 1, 3})));
}

TEST_F(EncoderTest, AnEmptyBatchHasNoRows) {
  Encoder encoder(text_options());
  const EncoderOutput states = encoder->forward(random_batch(text_options(), {}));
  EXPECT_EQ(states.output.sizes(), at::IntArrayRef({0, 0, 10}));
  EXPECT_EQ(states.h_n.sizes(), at::IntArrayRef({2, 0, 5}));
}

struct WrongBatch {
  void (*change)(Batch&);
  const char* message;
};

void expect_messages(const ModelOptions& options, const std::vector<WrongBatch>& cases) {
  Encoder encoder(options);
  for (const WrongBatch& wrong : cases) {
    Batch batch = random_batch(options, {4, 2});
    wrong.change(batch);
    EXPECT_EQ(message_of([&] { encoder->forward(batch); }), wrong.message);
  }
}

TEST_F(EncoderTest, WrongTextBatchesAreNamed) {
  expect_messages(
      character_options(),
      {{[](Batch& b) { b.tokens = Tensor(); },
        "masked_rnn: expected `batch.tokens` to be [T, B], but got an undefined tensor"},
       {[](Batch& b) { b.lengths = Tensor(); },
        "masked_rnn: expected `batch.lengths` to be [B], but got an undefined tensor"},
       {[](Batch& b) { b.tokens = b.tokens.to(torch::kInt); },
        "masked_rnn: expected `batch.tokens` to be int64, but got Int"},
       {[](Batch& b) {
          b.tokens = at::full({4, 2}, 12, torch::kLong);
        },
        "masked_rnn: expected `batch.tokens` to be indices from 0 to 11, but got values from 12 to "
        "12"},
       {[](Batch& b) {
          b.tokens = at::full({4, 2}, -1, torch::kLong);
        },
        "masked_rnn: expected `batch.tokens` to be indices from 0 to 11, but got values from -1 to "
        "-1"},
       {[](Batch& b) {
          b.lengths = torch::tensor({4, 2, 1});
        },
        "masked_rnn: expected `batch.lengths` to have one entry per sequence of `batch.tokens` "
        "(2), but got 3"},
       {[](Batch& b) {
          b.lengths = torch::tensor({5, 2});
        },
        "masked_rnn: expected `batch.lengths` to be at most the steps of `batch.tokens` (4), but "
        "got 5"},
       {[](Batch& b) { b.characters = Tensor(); },
        "masked_rnn: expected `batch.characters` to be [C, U], but got an undefined tensor"},
       {[](Batch& b) { b.character_lengths = Tensor(); },
        "masked_rnn: expected `batch.character_lengths` to be [U], but got an undefined tensor"},
       {[](Batch& b) { b.words = b.words.slice(0, 1); },
        "masked_rnn: expected `batch.words` to be [4, 2], as `batch.tokens`, but got [3, 2]"},
       {[](Batch& b) {
          b.words = at::full({4, 2}, 5, torch::kLong);
        },
        "masked_rnn: expected `batch.words` to be indices from 0 to 4, but got values from 5 to "
        "5"}});
}

TEST_F(EncoderTest, WrongDenseBatchesAreNamed) {
  expect_messages(
      dense_options(),
      {{[](Batch& b) { b.features = Tensor(); },
        "masked_rnn: expected `batch.features` to be [T, B, I], but got an undefined tensor"},
       {[](Batch& b) {
          b.features = at::zeros({4, 2, 5});
        },
        "masked_rnn: expected `batch.features` to have 3 features, but got 5"}});
  Encoder dense(dense_options()), text(text_options());
  EXPECT_EQ(message_of([&] {
              dense->fit_features({at::zeros({4, 2})});
            }),
            "masked_rnn: expected every series to be [T, 3], but got [4, 2]");
  EXPECT_EQ(message_of([&] {
              text->fit_features({at::zeros({4, 2})});
            }),
            "masked_rnn: expected a model of dense input to fit features, but got embedding");
}

}  // namespace
