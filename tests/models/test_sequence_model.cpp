// Both models (classifier.h, labeller.h) against torch::nn one sequence at a time, their copies, and
// the loss of sequence_model.h.
#include <gtest/gtest.h>
#include <masked_rnn/models/classifier.h>
#include <masked_rnn/models/labeller.h>
#include <tests/support/batches.h>
#include <tests/support/errors.h>
#include <torch/autograd.h>
#include <torch/nn/functional/loss.h>
#include <torch/nn/modules/rnn.h>

namespace {

using namespace masked_rnn;
using masked_rnn::test::message_of;
using masked_rnn::test::random_batch;
using torch::Tensor;
namespace F = torch::nn::functional;

ModelOptions options_of(Task task, Pooling pooling = Pooling::kLast) {
  ModelOptions options;
  options.task = task;
  options.pooling = pooling;
  options.vocabulary_size = 12;
  options.num_labels = 3;
  options.embedding_dim = 6;
  options.hidden_size = 5;
  options.num_layers = 2;
  options.bidirectional = true;
  return options;
}

// One sequence without padding through torch::nn with the weights of `model`: output [T, F] and the
// last layer's final states [F].
std::pair<Tensor, Tensor> encode_alone(const SequenceModel& model, const Tensor& tokens) {
  const ModelOptions& options = model.options();
  torch::nn::LSTM layers(torch::nn::LSTMOptions(options.embedding_dim, options.hidden_size)
                             .num_layers(options.num_layers)
                             .bidirectional(options.bidirectional));
  const auto weights = model.named_parameters();
  torch::NoGradGuard no_grad;
  for (auto& item : layers->named_parameters()) {
    item.value().copy_(weights["encoder.layers.rnn." + item.key()]);
  }
  const Tensor vectors = weights["encoder.embedding.weight"].index({tokens}).unsqueeze(1);
  const auto [output, states] = layers->forward(vectors);
  return {output.squeeze(1), std::get<0>(states).slice(0, -2).flatten()};
}

Tensor logits_of(const SequenceModel& model, const Tensor& features) {
  const auto weights = model.named_parameters();
  return at::linear(features, weights["linear.weight"], weights["linear.bias"]);
}

class Models : public testing::Test {
 protected:
  void SetUp() override { torch::manual_seed(1); }

  const std::vector<int64_t> lengths_ = {4, 1, 7, 3};

  static Tensor tokens_of(const Batch& batch, int64_t b) {
    return batch.tokens.select(1, b).slice(0, 0, batch.lengths[b].item<int64_t>());
  }
};

TEST_F(Models, ClassifierPoolsEachSequenceAlone) {
  for (const Pooling pooling : {Pooling::kLast, Pooling::kMean, Pooling::kMax}) {
    const ModelOptions options = options_of(Task::kClassify, pooling);
    SequenceClassifier model(options);
    const Batch batch = random_batch(options, lengths_);
    const Tensor logits = model->forward(batch);
    ASSERT_EQ(logits.sizes(), at::IntArrayRef({4, 3}));
    for (int64_t b = 0; b < 4; ++b) {
      const auto [output, last] = encode_alone(*model, tokens_of(batch, b));
      const Tensor pooled = pooling == Pooling::kLast   ? last
                            : pooling == Pooling::kMean ? output.mean(0)
                                                        : std::get<0>(output.max(0));
      EXPECT_TRUE(at::allclose(logits[b], logits_of(*model, pooled), 1e-5, 1e-6)) << name(pooling);
    }
  }
}

TEST_F(Models, LabellerScoresEveryStepOfEachSequenceAlone) {
  const ModelOptions options = options_of(Task::kLabel);
  SequenceLabeller model(options);
  const Batch batch = random_batch(options, lengths_);
  const Tensor logits = model->forward(batch);
  ASSERT_EQ(logits.sizes(), at::IntArrayRef({7, 4, 3}));
  for (int64_t b = 0; b < 4; ++b) {
    const auto [output, last] = encode_alone(*model, tokens_of(batch, b));
    const Tensor valid = logits.select(1, b).slice(0, 0, lengths_[b]);
    EXPECT_TRUE(at::allclose(valid, logits_of(*model, output), 1e-5, 1e-6)) << b;
  }
}

TEST_F(Models, TokensAtPaddingChangeNothing) {
  for (const Task task : {Task::kClassify, Task::kLabel}) {
    for (const Pooling pooling : {Pooling::kLast, Pooling::kMean, Pooling::kMax}) {
      const auto model = make_model(options_of(task, pooling));
      Batch batch = random_batch(model->options(), lengths_);
      const Tensor before = model->forward(batch);
      batch.tokens.masked_fill_(at::arange(7).unsqueeze(1) >= batch.lengths, 5);
      EXPECT_TRUE(model->forward(batch).equal(before)) << name(task) << ' ' << name(pooling);
    }
  }
}

TEST_F(Models, DropoutBeforeTheSoftmaxOnlyInTraining) {
  for (const Task task : {Task::kClassify, Task::kLabel}) {
    ModelOptions options = options_of(task);
    options.input = InputKind::kOneHot;  // neither input nor layers have a dropout of their own
    options.num_layers = 1;
    options.dropout = 0.5;
    const auto model = make_model(options);
    const Batch batch = random_batch(options, lengths_);
    EXPECT_FALSE(model->forward(batch).equal(model->forward(batch)));
    model->eval();
    EXPECT_TRUE(model->forward(batch).equal(model->forward(batch)));
  }
}

TEST_F(Models, CloneIsIndependentAndKeepsItsType) {
  for (const Task task : {Task::kClassify, Task::kLabel}) {
    const auto model = make_model(options_of(task));
    model->eval();
    const Batch batch = random_batch(model->options(), lengths_);
    const Tensor before = model->forward(batch);
    const auto copy = std::dynamic_pointer_cast<SequenceModel>(model->clone());
    ASSERT_NE(copy, nullptr);
    EXPECT_FALSE(copy->is_training());
    EXPECT_TRUE(copy->forward(batch).equal(before));
    torch::NoGradGuard no_grad;
    for (Tensor& parameter : copy->parameters()) parameter.zero_();
    EXPECT_EQ(copy->forward(batch).count_nonzero().item<int64_t>(), 0);
    EXPECT_TRUE(model->forward(batch).equal(before));
  }
}

TEST_F(Models, CloneKeepsTheFittedFeatures) {
  ModelOptions options = options_of(Task::kClassify);
  options.input = InputKind::kDense;
  options.vocabulary_size = 0;
  options.feature_size = 2;
  const auto model = make_model(options);
  model->encoder().fit_features({at::randn({9, 2}) * 4.0 + 1.0});
  const Batch batch = random_batch(options, lengths_);
  const auto copy = std::dynamic_pointer_cast<SequenceModel>(model->clone());
  EXPECT_TRUE(copy->forward(batch).equal(model->forward(batch)));
}

TEST_F(Models, TheWrongTaskIsNamed) {
  EXPECT_EQ(message_of([] { SequenceClassifier model(options_of(Task::kLabel)); }),
            "masked_rnn: expected the task of a SequenceClassifier to be classify, but got label");
  EXPECT_EQ(message_of([] { SequenceLabeller model(options_of(Task::kClassify)); }),
            "masked_rnn: expected the task of a SequenceLabeller to be label, but got classify");
}

TEST_F(Models, ImpossibleOptionsAreRefused) {
  ModelOptions options = options_of(Task::kLabel);
  options.hidden_size = 0;
  EXPECT_EQ(message_of([&] { make_model(options); }),
            "masked_rnn: expected hidden_size to be at least 1, but got 0");
}

class CrossEntropy : public testing::Test {
 protected:
  void SetUp() override {
    torch::manual_seed(1);
    logits_ = at::randn({5, 4, 3}, torch::kDouble).requires_grad_();
    targets_ = at::randint(3, {5, 4}, torch::kLong);
    targets_.masked_fill_(at::rand({5, 4}) < 0.4, Batch::kIgnoreIndex);
  }

  Tensor logits_, targets_;
};

TEST_F(CrossEntropy, MeanEqualsTorchWithIgnoreIndex) {
  const LossSum loss = cross_entropy(logits_, targets_);
  EXPECT_EQ(loss.count, (targets_ != -100).sum().item<int64_t>());
  const Tensor mean = loss.sum / loss.count;
  const Tensor gradient = torch::autograd::grad({mean}, {logits_})[0];

  const Tensor expected = F::cross_entropy(
      logits_.view({20, 3}), targets_.view({20}), F::CrossEntropyFuncOptions().ignore_index(-100));
  const Tensor expected_gradient = torch::autograd::grad({expected}, {logits_})[0];
  EXPECT_TRUE(at::allclose(mean, expected, 1e-12, 1e-12));
  EXPECT_TRUE(at::allclose(gradient, expected_gradient, 1e-12, 1e-12));
}

TEST_F(CrossEntropy, OfSamplesEqualsTorch) {
  const Tensor logits = logits_[0], targets = torch::tensor({2, 0, 1, 1});
  const LossSum loss = cross_entropy(logits, targets);
  EXPECT_EQ(loss.count, 4);
  EXPECT_TRUE(at::allclose(loss.sum / 4, F::cross_entropy(logits, targets), 1e-12, 1e-12));
}

TEST_F(CrossEntropy, NothingToCountIsZero) {
  const LossSum ignored = cross_entropy(logits_, at::full({5, 4}, -100, torch::kLong));
  EXPECT_EQ(ignored.count, 0);
  EXPECT_EQ(ignored.sum.item<double>(), 0.0);
  const LossSum empty = cross_entropy(at::zeros({0, 3}), at::zeros({0}, torch::kLong));
  EXPECT_EQ(empty.count, 0);
  EXPECT_EQ(empty.sum.item<double>(), 0.0);
}

TEST_F(CrossEntropy, WrongArgumentsAreNamed) {
  EXPECT_EQ(message_of([&] { cross_entropy(logits_, {}); }),
            "masked_rnn::cross_entropy: expected `targets` to be [5, 4], but got an undefined "
            "tensor");
  EXPECT_EQ(message_of([&] { cross_entropy(logits_, targets_[0]); }),
            "masked_rnn::cross_entropy: expected `targets` to be [5, 4], but got [4]");
  EXPECT_EQ(message_of([&] { cross_entropy(logits_, targets_.to(torch::kInt)); }),
            "masked_rnn::cross_entropy: expected `targets` to be int64, but got Int");
  EXPECT_EQ(message_of([&] {
              cross_entropy(logits_, at::full({5, 4}, 3, torch::kLong));
            }),
            "masked_rnn::cross_entropy: expected `targets` to be labels from 0 to 2 or -100, but "
            "got values from 3 to 3");
  EXPECT_EQ(message_of([&] { cross_entropy({}, targets_); }),
            "masked_rnn::cross_entropy: expected `logits` to be [B, K] or [T, B, K], but got an "
            "undefined tensor");
}

}  // namespace
