// The runners of every peer; see workload.h.
#include "workload.h"

#include <masked_rnn/models/nn/gru.h>
#include <masked_rnn/models/nn/lstm.h>
#include <masked_rnn/models/nn/rnn.h>
#include <torch/autograd.h>
#include <torch/nn/utils/rnn.h>

#include <algorithm>
#include <chrono>

namespace masked_rnn::benchmark {
namespace {

using torch::Tensor;
namespace rnn_utils = torch::nn::utils::rnn;
using Clock = std::chrono::steady_clock;

int64_t num_gates(const std::string& cell) { return cell == "lstm" ? 4 : cell == "gru" ? 3 : 1; }

// Calls visit(module) with the class that a cell's name means, of this project or of torch::nn.
template <class Lstm, class Gru, class Rnn, class Visit>
auto visit_as(torch::nn::Module& module, const Visit& visit) {
  if (auto* lstm = dynamic_cast<Lstm*>(&module)) return visit(*lstm);
  if (auto* gru = dynamic_cast<Gru*>(&module)) return visit(*gru);
  return visit(dynamic_cast<Rnn&>(module));
}

template <class Lstm, class Gru, class Rnn>
std::shared_ptr<torch::nn::Module> make(const std::string& cell, const Shape& s) {
  const auto with = [&](auto options) {
    return options.num_layers(s.layers).bidirectional(s.directions == 2);
  };
  if (cell == "lstm") {
    return std::make_shared<Lstm>(with(torch::nn::LSTMOptions(s.inputs, s.hidden)));
  }
  if (cell == "gru") return std::make_shared<Gru>(with(torch::nn::GRUOptions(s.inputs, s.hidden)));
  auto options = with(torch::nn::RNNOptions(s.inputs, s.hidden));
  if (cell == "rnn_relu") options.nonlinearity(torch::kReLU);
  return std::make_shared<Rnn>(options);
}

Tensor run_ours(torch::nn::Module& module, const Tensor& input, const Tensor& lengths) {
  return visit_as<LSTMImpl, GRUImpl, RNNImpl>(
      module, [&](auto& layer) { return std::get<0>(layer.forward(input, {}, lengths)); });
}

Tensor run_padded(torch::nn::Module& module, const Tensor& input) {
  return visit_as<torch::nn::LSTMImpl, torch::nn::GRUImpl, torch::nn::RNNImpl>(
      module, [&](auto& layer) { return std::get<0>(layer.forward(input)); });
}

Tensor run_packed(torch::nn::Module& module, const Tensor& input, const Tensor& lengths) {
  const auto packed = rnn_utils::pack_padded_sequence(
      input, lengths, /*batch_first=*/false, /*enforce_sorted=*/false);
  const auto output = visit_as<torch::nn::LSTMImpl, torch::nn::GRUImpl, torch::nn::RNNImpl>(
      module, [&](auto& layer) { return std::get<0>(layer.forward_with_packed_input(packed)); });
  return std::get<0>(rnn_utils::pad_packed_sequence(output));
}

double seconds_since(Clock::time_point start) {
  return std::chrono::duration<double>(Clock::now() - start).count();
}

Runner runner(const std::string& name,
              Mode mode,
              const std::shared_ptr<torch::nn::Module>& module,
              Tensor input,
              const Tensor& grad_output,
              const std::function<Tensor(const Tensor&)>& forward) {
  if (mode == Mode::kInference) {
    return {name, [input, forward]() -> StepSeconds {
              const torch::NoGradGuard no_grad;
              const auto start = Clock::now();
              forward(input);
              return {seconds_since(start), 0};
            }};
  }
  input = input.detach().requires_grad_();
  return {name, [=]() -> StepSeconds {
            std::vector<Tensor> wanted = module->parameters();
            wanted.push_back(input);
            const auto start = Clock::now();
            const Tensor output = forward(input);
            const double until_output = seconds_since(start);
            torch::autograd::grad({output}, wanted, {grad_output});
            return {until_output, seconds_since(start) - until_output};
          }};
}

}  // namespace

Workload::Workload(const std::string& cell, const Shape& shape) : cell_(cell), shape_(shape) {
  torch::manual_seed(1);
  ours_ = make<LSTMImpl, GRUImpl, RNNImpl>(cell, shape);
  theirs_ = make<torch::nn::LSTMImpl, torch::nn::GRUImpl, torch::nn::RNNImpl>(cell, shape);
  const torch::NoGradGuard no_grad;
  const auto from = ours_->parameters(), to = theirs_->parameters();
  for (size_t i = 0; i < from.size(); ++i) to[i].copy_(from[i]);
  input_ = torch::randn({shape.steps, shape.batch, shape.inputs});
  grad_output_ = torch::randn({shape.steps, shape.batch, shape.hidden * shape.directions});
  if (shape.even_lengths) {
    lengths_ = torch::linspace(1, static_cast<double>(shape.steps), shape.batch).to(torch::kLong);
  } else {
    const int64_t least = std::max<int64_t>(1, shape.steps / 5);  // packing refuses empty sequences
    lengths_ = torch::randint(least, shape.steps + 1, {shape.batch}, torch::kLong);
    lengths_[0] = shape.steps;
  }
}

Runner Workload::ours(Mode mode, at::ScalarType dtype) const {
  auto module = ours_;
  if (dtype != at::kFloat) {
    module = ours_->clone();
    module->to(dtype);
  }
  return runner("ours",
                mode,
                module,
                input_.to(dtype),
                grad_output_.to(dtype),
                [module, lengths = lengths_](const Tensor& input) {
                  return run_ours(*module, input, lengths);
                });
}

Runner Workload::ours_padded_to(int64_t steps, Mode mode) const {
  const auto longer = [&](const Tensor& tensor) {
    const auto padding = torch::zeros({steps - shape_.steps, shape_.batch, tensor.size(2)});
    return torch::cat({tensor, padding});
  };
  return runner("ours",
                mode,
                ours_,
                longer(input_),
                longer(grad_output_),
                [module = ours_, lengths = lengths_](const Tensor& input) {
                  return run_ours(*module, input, lengths);
                });
}

Runner Workload::packed(Mode mode) const {
  return runner("packed",
                mode,
                theirs_,
                input_,
                grad_output_,
                [module = theirs_, lengths = lengths_](const Tensor& input) {
                  return run_packed(*module, input, lengths);
                });
}

Runner Workload::padded(Mode mode) const {
  return runner(
      "padded", mode, theirs_, input_, grad_output_, [module = theirs_](const Tensor& input) {
        return run_padded(*module, input);
      });
}

int64_t Workload::tokens() const { return lengths_.sum().item<int64_t>(); }

double Workload::flop(Mode mode) const {
  double a_token = 0;
  for (int64_t layer = 0; layer < shape_.layers; ++layer) {
    const int64_t inputs = layer == 0 ? shape_.inputs : shape_.hidden * shape_.directions;
    a_token += static_cast<double>(2 * num_gates(cell_) * shape_.hidden * shape_.directions *
                                   (inputs + shape_.hidden));
  }
  return a_token * static_cast<double>(tokens()) * (mode == Mode::kTraining ? 3 : 1);
}

int64_t Workload::recurrent_weight_bytes() const {
  return num_gates(cell_) * shape_.hidden * shape_.hidden * static_cast<int64_t>(sizeof(float));
}

}  // namespace masked_rnn::benchmark
