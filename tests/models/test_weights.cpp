// Weights of modules and files of them (weights.h).
#include <gtest/gtest.h>
#include <masked_rnn/models/files.h>
#include <masked_rnn/models/weights.h>
#include <tests/support/errors.h>
#include <tests/support/folders.h>
#include <torch/nn/modules/linear.h>

namespace {

using namespace masked_rnn;
using masked_rnn::test::content_of;
using masked_rnn::test::data_error_of;
using masked_rnn::test::Folder;
using masked_rnn::test::message_of;

void expect_equal(const Weights& a, const Weights& b) {
  ASSERT_EQ(a.size(), b.size());
  for (size_t i = 0; i < a.size(); ++i) {
    EXPECT_EQ(a[i].first, b[i].first);
    EXPECT_TRUE(a[i].second.equal(b[i].second)) << a[i].first;
  }
}

TEST(Weights, AreCopies) {
  torch::nn::Linear linear(3, 2);
  const Weights weights = copy_weights(*linear);
  const torch::Tensor before = linear->weight.detach().clone();
  torch::NoGradGuard no_grad;
  linear->weight.add_(1.0);
  EXPECT_TRUE(weights[0].second.equal(before));
}

TEST(Weights, GoThroughAFile) {
  const Folder folder;
  torch::nn::Linear linear(3, 2);
  save_weights(copy_weights(*linear), folder / "model.pt");
  const Weights loaded = load_weights(folder / "model.pt");
  torch::nn::Linear other(3, 2);
  set_weights(*other, loaded);
  expect_equal(copy_weights(*other), copy_weights(*linear));
}

TEST(Weights, OfAnotherModelAreRefusedWhole) {
  torch::nn::Linear linear(3, 2);
  const Weights before = copy_weights(*linear);
  Weights weights = copy_weights(*torch::nn::Linear(3, 2));
  weights[1].second = torch::zeros({3});
  EXPECT_EQ(message_of([&] { set_weights(*linear, weights); }),
            "masked_rnn: expected the weight `bias` to be Float [2], but got Float [3]");
  weights[1].second = torch::zeros({2}, torch::kDouble);
  EXPECT_EQ(message_of([&] { set_weights(*linear, weights); }),
            "masked_rnn: expected the weight `bias` to be Float [2], but got Double [2]");
  weights[1].first = "bias_ih";
  EXPECT_EQ(message_of([&] { set_weights(*linear, weights); }),
            "masked_rnn: expected the weight `bias`, but got `bias_ih`");
  weights.pop_back();
  EXPECT_EQ(message_of([&] { set_weights(*linear, weights); }),
            "masked_rnn: expected 2 weights, but got 1");
  expect_equal(copy_weights(*linear), before);
}

TEST(Weights, AreNotReadFromOtherFiles) {
  const Folder folder;
  const std::string file = folder / "model.pt";
  const std::string message =
      file + ": expected the weights of a model, but it is cut off or something else";
  save_weights(copy_weights(*torch::nn::Linear(3, 2)), file);
  const std::string whole = content_of(file);
  for (const size_t length : {size_t{0}, size_t{1}, whole.size() / 2, whole.size() - 1}) {
    write_atomically(file, whole.substr(0, length));
    EXPECT_EQ(data_error_of([&] { load_weights(file); }), message) << length;
  }
  write_atomically(file, "a text that is no model\n");
  EXPECT_EQ(data_error_of([&] { load_weights(file); }), message);
}

}  // namespace
