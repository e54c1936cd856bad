// The layers on the CPU: the kernels of csrc.
#include <masked_rnn/csrc/recurrence/recurrence.h>
#include <masked_rnn/csrc/reference/layer.h>
#include <masked_rnn/ops/checks.h>
#include <masked_rnn/ops/layer_adapters.h>
#include <torch/library.h>

namespace masked_rnn {
namespace {

// Narrow layers compute in float32, but for the operands of products in bfloat16: the arguments are
// widened once, the results rounded once.
at::ScalarType dtype_of(const LayerArguments& a) { return a.weight_ih.scalar_type(); }

at::Tensor to(const at::Tensor& tensor, at::ScalarType dtype) {
  return tensor.defined() ? tensor.to(dtype) : tensor;
}

LayerArguments widened(const LayerArguments& a) {
  auto wide = reference::in_float32(a);
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
