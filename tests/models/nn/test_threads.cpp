// A layer gives the bits that it gives alone, whether many threads use it at once or one helps another.
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
std::vector<Tensor> run(Layer& layer, const Tensor& lengths, bool train) {
  auto generator = at::make_generator<at::CPUGeneratorImpl>(1);
  const auto steps = lengths.max().template item<int64_t>();
  auto input = torch::randn({steps, lengths.size(0), 16}, generator);
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
        const auto lengths = torch::arange(batch_size) % 8;
        const auto expected = run(layer, lengths, train);
        std::vector<char> same(kCallers, 0);
        std::vector<std::thread> callers;
        for (int i = 0; i < kCallers; ++i) {
          callers.emplace_back([&, i] {
            at::set_num_threads(threads);
            bool all = true;
            for (int call = 0; call < kCalls; ++call) {
              const auto actual = run(layer, lengths, train);
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

// Three sequences have all rows but a few: whichever thread has one of them only helps with the others.
TYPED_TEST(Threads, GiveTheSameBitsWhereTheyHelpOthers) {
  torch::manual_seed(1);
  TypeParam layer(16, 40);
  const auto lengths = torch::full({43}, 2);
  for (const int64_t b : {4, 20, 42}) lengths[b] = 600;
  const int before = at::get_num_threads();
  for (const bool train : {true, false}) {
    at::set_num_threads(1);
    const auto expected = run(layer, lengths, train);
    for (const int threads : {2, 3, 4}) {
      at::set_num_threads(threads);
      const auto actual = run(layer, lengths, train);
      for (size_t k = 0; k < expected.size(); ++k) {
        EXPECT_TRUE(actual[k].equal(expected[k])) << threads << " " << k;
      }
    }
  }
  at::set_num_threads(before);
}

}  // namespace
