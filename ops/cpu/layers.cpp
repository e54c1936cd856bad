// The layers on the CPU: the kernels of csrc.
#include <masked_rnn/csrc/recurrence/recurrence.h>
#include <masked_rnn/csrc/recycled.h>
#include <masked_rnn/ops/bidirectional_adapters.h>
#include <masked_rnn/ops/checks.h>
#include <masked_rnn/ops/layer_adapters.h>
#include <torch/library.h>

#include <utility>
#include <vector>

namespace masked_rnn {
namespace {

at::ScalarType dtype_of(const LayerArguments& a) { return a.weight_ih.scalar_type(); }

// Undefined if `tensor` is.
at::Tensor to(const at::Tensor& tensor, at::ScalarType dtype) {
  if (!tensor.defined() || tensor.scalar_type() == dtype) {
    return tensor;
  }
  // (Weights of one-hot inputs keep their columns together.)
  return tensor.is_contiguous() ? recycled_copy(tensor, dtype) : tensor.to(dtype);
}

// Narrow layers compute in float32, but for the operands of products in bfloat16: the arguments are
// widened once, weights that are multiplied when they are packed, the results rounded once.
LayerArguments widened(const LayerArguments& a) {
  auto wide = a;
  for (auto* tensor : {&wide.h_0, &wide.c_0, &wide.bias_ih, &wide.bias_hh}) {
    *tensor = to(*tensor, at::kFloat);
  }
  auto& multiplied = a.one_hot() ? wide.weight_ih : wide.input;
  multiplied = to(multiplied, at::kFloat);
  wide.bfloat16_products = dtype_of(a) == at::kBFloat16;
  return wide;
}

// Both directions share what is widened of their input.
std::vector<LayerArguments> widened(c10::ArrayRef<LayerArguments> directions) {
  std::vector<LayerArguments> wide;
  for (const auto& a : directions) {
    wide.push_back(a);
    if (wide.size() > 1) {
      wide.back().input = wide.front().input;
    }
    wide.back() = widened(wide.back());
  }
  return wide;
}

LayerResult forward(c10::ArrayRef<LayerArguments> directions, bool save) {
  const auto dtype = dtype_of(directions[0]);
  if (!is_narrow(dtype)) {
    return recurrence::forward(directions, save);
  }
  auto y = recurrence::forward(widened(directions), save);
  y.output = to(y.output, dtype);
  y.h_n = to(y.h_n, dtype);
  y.c_n = to(y.c_n, dtype);
  return y;
}

std::vector<LayerGradients> backward(c10::ArrayRef<LayerArguments> directions,
                                     const at::Tensor& output,
                                     const at::Tensor& saved,
                                     const OutputGradients& grads,
                                     c10::ArrayRef<WantedMask> wanted) {
  const auto dtype = dtype_of(directions[0]);
  if (!is_narrow(dtype)) {
    return recurrence::backward(directions, output, saved, grads, wanted);
  }
  auto results = recurrence::backward(
      widened(directions),
      to(output, at::kFloat),
      saved,
      {to(grads.output, at::kFloat), to(grads.h_n, at::kFloat), to(grads.c_n, at::kFloat)},
      wanted);
  for (auto& result : results) {
    for (auto& grad : result) {
      grad = to(grad, dtype);
    }
  }
  return results;
}

LayerResult cpu_forward(const LayerArguments& a, bool save) {
  check_layer(a);
  return forward(a, save);
}

LayerGradients cpu_backward(const LayerArguments& a,
                            const at::Tensor& output,
                            const at::Tensor& saved,
                            const OutputGradients& grads,
                            const WantedMask& wanted) {
  check_layer_backward(a, output, saved, grads, wanted);
  return backward(a, output, saved, grads, wanted)[0];
}

LayerResult cpu_bidirectional(const Directions& directions, bool save) {
  check_directions(directions);
  return forward(directions, save);
}

BidirectionalGradients cpu_bidirectional_backward(const Directions& directions,
                                                  const at::Tensor& output,
                                                  const at::Tensor& saved,
                                                  const OutputGradients& grads,
                                                  const BidirectionalMask& wanted) {
  check_directions_backward(directions, output, saved, grads, wanted);
  auto results = backward(directions, output, saved, grads, wanted);
  return {std::move(results[0]), std::move(results[1])};
}

}  // namespace
}  // namespace masked_rnn

TORCH_LIBRARY_IMPL(masked_rnn, CPU, m) {
  masked_rnn::register_layers<masked_rnn::cpu_forward, masked_rnn::cpu_backward>(m);
  masked_rnn::register_bidirectional<masked_rnn::cpu_bidirectional,
                                     masked_rnn::cpu_bidirectional_backward>(m);
}
