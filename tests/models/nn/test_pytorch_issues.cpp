// PyTorch's public issues that a C++ program meets: what torch::nn does, and what these layers do. Their
// Python side stands in tests/ops/test_pytorch_issues.py.
#include <gtest/gtest.h>
#include <masked_rnn/models/nn/gru.h>
#include <masked_rnn/models/nn/lstm.h>
#include <torch/autograd.h>
#include <torch/nn/utils/rnn.h>

namespace {

using torch::Tensor;
using torch::indexing::Slice;
namespace rnn_utils = torch::nn::utils::rnn;

constexpr int64_t T = 6, I = 3, H = 5;

class PytorchIssues : public testing::Test {
 protected:
  PytorchIssues() {
    torch::manual_seed(1);
    theirs_ = torch::nn::LSTM(I, H);
    ours_ = masked_rnn::LSTM(I, H);
    const torch::NoGradGuard no_grad;
    for (const auto& item : theirs_->named_parameters()) {
      ours_->named_parameters()[item.key()].copy_(item.value());
    }
  }

  // The last state of one sequence alone.
  Tensor alone(const Tensor& input, int64_t b, int64_t length) {
    const auto results = theirs_->forward(input.index({Slice(0, length), Slice(b, b + 1)}));
    return std::get<0>(std::get<1>(results))[0][0];
  }

  torch::nn::LSTM theirs_{nullptr};
  masked_rnn::LSTM ours_{nullptr};
};

TEST_F(PytorchIssues, Issue517LengthMasking) {
  const Tensor input = torch::randn({T, 3, I}), lengths = torch::tensor({2, 6, 4});
  const Tensor of_padding = std::get<0>(std::get<1>(theirs_->forward(input)))[0];
  const Tensor masked = std::get<0>(std::get<1>(ours_->forward(input, {}, lengths)))[0];
  for (int64_t b = 0; b < 3; ++b) {
    const auto length = lengths[b].item<int64_t>();
    EXPECT_EQ(of_padding[b].allclose(alone(input, b, length)), length == T);
    EXPECT_TRUE(masked[b].allclose(alone(input, b, length), 1e-5, 1e-6));
  }
}

TEST_F(PytorchIssues, Issue4582ZeroLengthRows) {
  const Tensor input = torch::randn({T, 2, I}), lengths = torch::tensor({T, int64_t{0}});
  EXPECT_THROW(rnn_utils::pack_padded_sequence(input, lengths, false, false), c10::Error);
  const auto h_0 = torch::randn({1, 2, H}), c_0 = torch::randn({1, 2, H});
  const auto [output, states] = ours_->forward(input, std::make_tuple(h_0, c_0), lengths);
  EXPECT_TRUE(output.select(1, 1).eq(0).all().item<bool>());
  EXPECT_TRUE(std::get<0>(states)[0][1].equal(h_0[0][1]));
  EXPECT_TRUE(std::get<1>(states)[0][1].equal(c_0[0][1]));
}

TEST_F(PytorchIssues, Issue43227LengthsMustLiveOnTheCpuAsInt64) {
  const Tensor input = torch::randn({T, 2, I});
  const Tensor lengths = torch::tensor({4, 2}, torch::kShort);
  EXPECT_THROW(rnn_utils::pack_padded_sequence(input, lengths.to(torch::kMeta)), c10::Error);
  EXPECT_TRUE(std::get<0>(ours_->forward(input, {}, lengths))
                  .equal(std::get<0>(ours_->forward(input, {}, lengths.to(torch::kLong)))));
}

TEST_F(PytorchIssues, Issue32605UnsortedLengths) {
  const Tensor input = torch::randn({T, 3, I}), lengths = torch::tensor({2, 6, 4});
  EXPECT_THROW(rnn_utils::pack_padded_sequence(input, lengths), c10::Error);
  const Tensor h_n = std::get<0>(std::get<1>(ours_->forward(input, {}, lengths)))[0];
  for (int64_t b = 0; b < 3; ++b) {
    EXPECT_TRUE(h_n[b].allclose(alone(input, b, lengths[b].item<int64_t>()), 1e-5, 1e-6));
  }
}

TEST_F(PytorchIssues, Issue1591TotalLength) {
  const Tensor input = torch::randn({T, 2, I}), lengths = torch::tensor({4, 2});
  const auto packed = rnn_utils::pack_padded_sequence(input, lengths);
  const auto results = theirs_->forward_with_packed_input(packed);
  const Tensor cut = std::get<0>(rnn_utils::pad_packed_sequence(std::get<0>(results)));
  EXPECT_EQ(cut.size(0), 4);
  EXPECT_EQ(std::get<0>(ours_->forward(input, {}, lengths)).size(0), T);
}

TEST_F(PytorchIssues, Issue32023TheBatchChangesTheAnswer) {
  const Tensor input = torch::randn({T, 33, I});
  const Tensor together = std::get<0>(ours_->forward(input));
  for (int64_t b = 0; b < 33; ++b) {
    EXPECT_TRUE(std::get<0>(ours_->forward(input.narrow(1, b, 1))).equal(together.narrow(1, b, 1)));
  }
}

TEST_F(PytorchIssues, Issue5261DoubleBackward) {
  const Tensor input = torch::randn({T, 2, I}).requires_grad_(), lengths = torch::tensor({6, 3});
  const Tensor output = std::get<0>(ours_->forward(input, {}, lengths));
  const Tensor gradient =
      torch::autograd::grad({output.sum()}, {input}, {}, std::nullopt, /*create_graph=*/true)[0];
  const Tensor penalty = (gradient.norm(2, {0, 2}) - 1).square().sum();
  penalty.backward();
  EXPECT_GT(ours_->named_parameters()["weight_hh_l0"].grad().abs().sum().item<float>(), 0);
}

}  // namespace
