// The layers on the CPU: the kernels of csrc.
#include <masked_rnn/csrc/recurrence/recurrence.h>
#include <masked_rnn/csrc/recycled.h>
#include <masked_rnn/ops/checks.h>
#include <masked_rnn/ops/layer_adapters.h>
#include <torch/library.h>

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

LayerResult cpu_forward(const LayerArguments& a, bool save) {
  check_layer(a);
  if (!is_narrow(dtype_of(a))) {
    return recurrence::forward(a, save);
  }
  auto y = recurrence::forward(widened(a), save);
  y.output = to(y.output, dtype_of(a));
  y.h_n = to(y.h_n, dtype_of(a));
  y.c_n = to(y.c_n, dtype_of(a));
  return y;
}

LayerGradients cpu_backward(const LayerArguments& a,
                            const at::Tensor& output,
                            const at::Tensor& saved,
                            const OutputGradients& grads,
                            const WantedMask& wanted) {
  check_layer_backward(a, output, saved, grads, wanted);
  if (!is_narrow(dtype_of(a))) {
    return recurrence::backward(a, output, saved, grads, wanted);
  }
  auto result = recurrence::backward(
      widened(a),
      to(output, at::kFloat),
      saved,
      {to(grads.output, at::kFloat), to(grads.h_n, at::kFloat), to(grads.c_n, at::kFloat)},
      wanted);
  for (auto& grad : result) {
    grad = to(grad, dtype_of(a));
  }
  return result;
}

}  // namespace
}  // namespace masked_rnn

TORCH_LIBRARY_IMPL(masked_rnn, CPU, m) {
  masked_rnn::register_layers<masked_rnn::cpu_forward, masked_rnn::cpu_backward>(m);
}
