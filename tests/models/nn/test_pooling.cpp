// models/nn/pooling.h against sums and maxima of each sequence alone.
#include <gtest/gtest.h>
#include <masked_rnn/models/nn/pooling.h>
#include <tests/support/errors.h>
#include <torch/autograd.h>

#include <limits>

namespace {

using masked_rnn::test::message_of;
using torch::Tensor;

class Pooling : public testing::Test {
 protected:
  void SetUp() override {
    torch::manual_seed(1);
    output_ = at::randn({6, 4, 3}, torch::kDouble) - 3.0;  // negative: 0 would win a wrong maximum
    lengths_ = torch::tensor({1, 6, 0, 5}, torch::kInt);
    const Tensor padding = at::arange(6).unsqueeze(1) >= lengths_.unsqueeze(0);
    output_.masked_fill_(padding.unsqueeze(2), std::numeric_limits<double>::quiet_NaN());
    output_.requires_grad_();
  }

  Tensor valid(int64_t b) { return output_.select(1, b).slice(0, 0, lengths_[b].item<int64_t>()); }

  Tensor output_, lengths_;
};

TEST_F(Pooling, MeanIsOverValidSteps) {
  const Tensor mean = masked_rnn::masked_mean(output_, lengths_);
  for (const int64_t b : {0, 1, 3}) {
    EXPECT_TRUE(at::allclose(mean[b], valid(b).mean(0), 1e-12, 1e-12));
  }
  EXPECT_TRUE(mean[2].equal(at::zeros({3}, torch::kDouble)));
}

TEST_F(Pooling, MaxIsOverValidSteps) {
  const Tensor max = masked_rnn::masked_max(output_, lengths_);
  for (const int64_t b : {0, 1, 3}) EXPECT_TRUE(max[b].equal(std::get<0>(valid(b).max(0))));
  EXPECT_TRUE(max[2].equal(at::zeros({3}, torch::kDouble)));
}

TEST_F(Pooling, PaddingGetsZeroGradient) {
  const Tensor padding = at::arange(6).unsqueeze(1) >= lengths_.unsqueeze(0);
  for (auto pool : {masked_rnn::masked_mean, masked_rnn::masked_max}) {
    const Tensor loss = pool(output_, lengths_).sum();
    const Tensor gradient = torch::autograd::grad({loss}, {output_})[0];
    EXPECT_EQ(gradient.index({padding}).count_nonzero().item<int64_t>(), 0);
    // Each of the three sequences that have steps passes a gradient of 1 on, in 3 features.
    EXPECT_NEAR(gradient.sum().item<double>(), 9.0, 1e-12);
  }
}

TEST_F(Pooling, NoStepsGiveZeros) {
  const Tensor output = at::zeros({0, 2, 3});
  const Tensor lengths = torch::tensor({0, 0});
  EXPECT_TRUE(masked_rnn::masked_mean(output, lengths).equal(at::zeros({2, 3})));
  EXPECT_TRUE(masked_rnn::masked_max(output, lengths).equal(at::zeros({2, 3})));
}

TEST_F(Pooling, NoSequencesGiveNoRows) {
  const Tensor output = at::zeros({4, 0, 3});
  const Tensor lengths = at::zeros({0}, torch::kLong);
  EXPECT_EQ(masked_rnn::masked_mean(output, lengths).sizes(), at::IntArrayRef({0, 3}));
  EXPECT_EQ(masked_rnn::masked_max(output, lengths).sizes(), at::IntArrayRef({0, 3}));
}

TEST_F(Pooling, FinalStateIsOfTheLastLayer) {
  const Tensor h_n = at::arange(24).view({4, 2, 3});
  const Tensor expected = at::cat({h_n[2], h_n[3]}, 1);
  EXPECT_TRUE(masked_rnn::final_state(h_n, 2).equal(expected));
  EXPECT_TRUE(masked_rnn::final_state(h_n, 1).equal(h_n[3]));
}

TEST_F(Pooling, WrongArgumentsAreNamed) {
  EXPECT_EQ(message_of([&] {
              masked_rnn::masked_mean(output_, torch::tensor({1, 2}));
            }),
            "masked_rnn::masked_mean: expected `lengths` to have one entry per sequence "
            "(batch_size=4), but got [2]");
  EXPECT_EQ(message_of([&] { masked_rnn::masked_max(output_[0], lengths_); }),
            "masked_rnn::masked_max: expected `output` to have 3 dimensions [T, B, F], but got 2");
  EXPECT_EQ(message_of([&] { masked_rnn::masked_max(output_, lengths_.to(torch::kFloat)); }),
            "masked_rnn::masked_max: expected `lengths` to be integers, but got Float");
  EXPECT_EQ(message_of([&] { masked_rnn::final_state(output_[0], 1); }),
            "masked_rnn::final_state: expected `h_n` to be [layers * 1 directions, B, H], but got "
            "[4, 3]");
}

}  // namespace
