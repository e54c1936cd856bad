// One vector per sequence from the states of its steps; padding is never read.
#include <ATen/ops/arange.h>
#include <masked_rnn/models/nn/pooling.h>

#include <limits>

namespace masked_rnn {
namespace {

using torch::Tensor;

void check_arguments(const char* name, const Tensor& output, const Tensor& lengths) {
  TORCH_CHECK(output.defined() && output.dim() == 3,
              "masked_rnn::",
              name,
              ": expected `output` to have 3 dimensions [T, B, F], but got ",
              output.defined() ? std::to_string(output.dim()) : "an undefined tensor");
  TORCH_CHECK(lengths.defined() && lengths.dim() == 1 && lengths.size(0) == output.size(1),
              "masked_rnn::",
              name,
              ": expected `lengths` to have one entry per sequence (batch_size=",
              output.size(1),
              "), but got ",
              lengths.defined() ? lengths.sizes() : at::IntArrayRef());
  TORCH_CHECK(c10::isIntegralType(lengths.scalar_type(), /*includeBool=*/false),
              "masked_rnn::",
              name,
              ": expected `lengths` to be integers, but got ",
              lengths.scalar_type());
}

// True where a step is padding, [T, B, 1].
Tensor padding(const Tensor& output, const Tensor& lengths) {
  const Tensor steps = at::arange(output.size(0), lengths.options().dtype(torch::kLong));
  return (steps.unsqueeze(1) >= lengths.unsqueeze(0)).unsqueeze(2).to(output.device());
}

}  // namespace

Tensor final_state(const Tensor& h_n, int64_t num_directions) {
  TORCH_CHECK(
      h_n.defined() && h_n.dim() == 3 && num_directions > 0 && h_n.size(0) >= num_directions,
      "masked_rnn::final_state: expected `h_n` to be [layers * ",
      num_directions,
      " directions, B, H], but got ",
      h_n.defined() ? h_n.sizes() : at::IntArrayRef());
  return h_n.slice(0, h_n.size(0) - num_directions).transpose(0, 1).flatten(1);
}

Tensor masked_mean(const Tensor& output, const Tensor& lengths) {
  check_arguments("masked_mean", output, lengths);
  const Tensor count = lengths.to(output.options()).clamp_min(1).unsqueeze(1);
  return output.masked_fill(padding(output, lengths), 0).sum(0) / count;
}

Tensor masked_max(const Tensor& output, const Tensor& lengths) {
  check_arguments("masked_max", output, lengths);
  if (output.size(0) == 0) return output.sum(0);  // no step to choose from: zeros
  const Tensor empty = (lengths <= 0).unsqueeze(1).to(output.device());
  const double lowest = -std::numeric_limits<double>::infinity();
  const Tensor largest = std::get<0>(output.masked_fill(padding(output, lengths), lowest).max(0));
  return largest.masked_fill(empty, 0);
}

}  // namespace masked_rnn
