// One layer used by many threads at once gives the bits that it gives alone.
#include <ATen/CPUGeneratorImpl.h>
#include <ATen/Parallel.h>
#include <gtest/gtest.h>
#include <masked_rnn/models/nn/gru.h>
#include <masked_rnn/models/nn/lstm.h>
#include <masked_rnn/models/nn/rnn.h>
#include <torch/autograd.h>

#include <thread>
#include <vector>

namespace {

using torch::Tensor;

constexpr int kCallers = 8, kCalls = 3;

template <class Layer>
Tensor output_of(Layer& layer, const Tensor& input, const Tensor& lengths) {
  return std::get<0>(layer->forward(input, {}, lengths));
}

template <class Layer>
class Threads : public testing::Test {};
using Layers = testing::Types<masked_rnn::LSTM, masked_rnn::GRU, masked_rnn::RNN>;
TYPED_TEST_SUITE(Threads, Layers);

// The layer's output, then the gradients of its input and parameters.
template <class Layer>
std::vector<Tensor> run(Layer& layer, int64_t batch_size, bool train) {
  auto generator = at::make_generator<at::CPUGeneratorImpl>(1);
  const auto lengths = torch::arange(batch_size) % 8;
  auto input = torch::randn({7, batch_size, 16}, generator);
  if (!train) {
    const torch::NoGradGuard no_grad;
    return {output_of(layer, input, lengths)};
  }
  input.requires_grad_();
  const auto output = output_of(layer, input, lengths);
  std::vector<Tensor> leaves{input};
  for (const auto& parameter : layer->parameters()) leaves.push_back(parameter);
  std::vector<Tensor> results = torch::autograd::grad({output.sum()}, leaves);
  results.push_back(output.detach());
  return results;
}

TYPED_TEST(Threads, GiveTheSameBitsTogetherAsAlone) {
  torch::manual_seed(1);
  TypeParam layer(16, 192);
  // Backward, the first batch is two groups with threads of their own; the last is so small that threads
  // share out its hidden units.
  for (const int threads : {1, 2}) {
    for (const int64_t batch_size : {40, 12, 3}) {
      for (const bool train : {true, false}) {
        const auto expected = run(layer, batch_size, train);
        std::vector<char> same(kCallers, 0);
        std::vector<std::thread> callers;
        for (int i = 0; i < kCallers; ++i) {
          callers.emplace_back([&, i] {
            at::set_num_threads(threads);
            bool all = true;
            for (int call = 0; call < kCalls; ++call) {
              const auto actual = run(layer, batch_size, train);
              for (size_t k = 0; k < expected.size(); ++k) all &= actual[k].equal(expected[k]);
            }
            same[i] = all;
          });
        }
        for (auto& caller : callers) caller.join();
        EXPECT_EQ(same, std::vector<char>(kCallers, 1)) << threads << " " << batch_size;
      }
    }
  }
}

}  // namespace
