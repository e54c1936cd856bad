// One layer and its batch, run by this project and by torch::nn.
#pragma once

#include <torch/nn/module.h>
#include <torch/types.h>

#include <functional>
#include <string>
#include <vector>

namespace masked_rnn::benchmark {

struct Shape {
  int64_t steps;   // T
  int64_t batch;   // B
  int64_t inputs;  // I
  int64_t hidden;  // H
  int64_t layers = 1;
  int64_t directions = 1;
  bool even_lengths = false;  // spread evenly from 1 to T; else uniform in [T/5, T], one at T
};

enum class Mode { kTraining, kInference };

struct StepSeconds {
  double forward;
  double backward;  // 0 in inference
  double total() const { return forward + backward; }
};

// A peer's one step: forward, and in training backward to the input and all weights.
struct Runner {
  std::string name;
  std::function<StepSeconds()> run;
};

class Workload {
 public:
  // cell: "lstm", "gru", "rnn_tanh" or "rnn_relu".
  Workload(const std::string& cell, const Shape& shape);

  Runner ours(Mode mode, at::ScalarType dtype = at::kFloat) const;
  // The same sequences, padded to `steps` steps.
  Runner ours_padded_to(int64_t steps, Mode mode) const;
  Runner packed(Mode mode) const;  // torch::nn through pack_padded_sequence and back
  Runner padded(Mode mode) const;  // torch::nn on all of the padded batch

  int64_t tokens() const;  // valid ones
  // Of the products, forward: 2 * G * H * (I + H) a token, layer and direction; training three times.
  double flop(Mode mode) const;
  int64_t recurrent_weight_bytes() const;  // of one layer and direction

 private:
  std::string cell_;
  Shape shape_;
  torch::Tensor input_, lengths_, grad_output_;
  std::shared_ptr<torch::nn::Module> ours_, theirs_;  // with equal weights
};

}  // namespace masked_rnn::benchmark
