// Trains a masked_rnn::LSTM on a padded batch, saves it, loads it into a torch::nn::LSTM and runs that on
// each sequence alone: prints "ok" if the results are the same.
#include <masked_rnn/models/nn/gru.h>
#include <masked_rnn/models/nn/lstm.h>
#include <masked_rnn/models/nn/rnn.h>
#include <torch/nn/modules/linear.h>
#include <torch/nn/utils/clip_grad.h>
#include <torch/optim/adam.h>
#include <torch/serialize.h>

#include <cstdio>
#include <exception>
#include <sstream>
#include <stdexcept>
#include <string>
#include <vector>

namespace {

using torch::indexing::Slice;

void expect(bool holds, const char* what) {
  if (!holds) throw std::runtime_error(std::string("expected ") + what);
}

constexpr int64_t kSteps = 9, kInputs = 4, kHidden = 8;

void run() {
  torch::manual_seed(1);
  masked_rnn::LSTM lstm(torch::nn::LSTMOptions(kInputs, kHidden).num_layers(2));
  torch::nn::Linear score(kHidden, 1);
  const std::vector<int64_t> lengths{kSteps, 0, 3, 5};
  const auto batch = static_cast<int64_t>(lengths.size());
  const auto length_tensor = torch::tensor(lengths);
  const auto input = torch::randn({kSteps, batch, kInputs});

  auto parameters = lstm->parameters();
  for (const auto& parameter : score->parameters()) parameters.push_back(parameter);
  torch::optim::Adam optimizer(parameters, torch::optim::AdamOptions(0.01));
  double first = 0, last = 0;
  for (int pass = 0; pass < 20; ++pass) {
    optimizer.zero_grad();
    const auto h_n = std::get<0>(std::get<1>(lstm->forward(input, {}, length_tensor)));
    const auto loss = (score->forward(h_n[-1]) - 1).square().mean();
    loss.backward();
    torch::nn::utils::clip_grad_norm_(parameters, 1.0);
    optimizer.step();
    last = loss.item<double>();
    if (pass == 0) first = last;
  }
  expect(last < first, "the loss to fall");

  std::stringstream archive;
  torch::save(lstm, archive);
  torch::nn::LSTM theirs(torch::nn::LSTMOptions(kInputs, kHidden).num_layers(2));
  torch::load(theirs, archive);
  const torch::NoGradGuard no_grad;
  const auto output = std::get<0>(lstm->forward(input, {}, length_tensor));
  double difference = 0;
  for (int64_t b = 0; b < batch; ++b) {
    if (lengths[b] == 0) continue;
    const auto alone = input.index({Slice(0, lengths[b]), Slice(b, b + 1)});
    const auto expected = std::get<0>(theirs->forward(alone));
    const auto here = output.index({Slice(0, lengths[b]), Slice(b, b + 1)});
    difference = std::max(difference, (here - expected).abs().max().item<double>());
  }
  expect(difference < 1e-5, "the results of torch::nn::LSTM on each sequence alone");

  masked_rnn::GRU gru(torch::nn::GRUOptions(kInputs, kHidden));
  masked_rnn::RNN rnn(torch::nn::RNNOptions(kInputs, kHidden).nonlinearity(torch::kReLU));
  const bool same_steps = std::get<0>(gru->forward(input, {}, length_tensor)).size(0) == kSteps &&
                          std::get<0>(rnn->forward(input, {}, length_tensor)).size(0) == kSteps;
  expect(same_steps, "output as long as the input");
  std::printf("ok\n");
}

}  // namespace

int main() {
  try {
    run();
  } catch (const std::exception& error) {
    std::fprintf(stderr, "layers: %s\n", error.what());
    return 1;
  }
}
