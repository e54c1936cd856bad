// Shapes of the layers' results: they never depend on lengths or on any other value.
#include <ATen/ops/empty.h>
#include <masked_rnn/csrc/reference/layer.h>
#include <masked_rnn/ops/checks.h>
#include <masked_rnn/ops/layer_adapters.h>
#include <torch/library.h>

namespace masked_rnn {
namespace {

LayerResult meta_forward(const LayerArguments& a, bool save) {
  check_layer(a);
  const auto options = a.weight_ih.options();
  const auto T = a.input.sym_size(0), B = a.input.sym_size(1);
  const auto H = a.weight_ih.sym_size(0) / num_gates(a.cell);
  LayerResult result;
  result.output = at::empty_symint({T, B, a.weight_hh.sym_size(1)}, options);
  result.h_n = at::empty_symint({1, B, a.h_0.sym_size(1)}, options);
  if (a.c_0.defined()) {
    result.c_n = at::empty_symint({1, B, a.c_0.sym_size(1)}, options);
  }
  const auto saved_options = options.dtype(saved_dtype(a.weight_ih.scalar_type()));
  result.saved = save ? at::empty_symint({T * B, H * saved_size(a.cell, 1)}, saved_options)
                      : at::empty({0}, saved_options);
  return result;
}

LayerGradients meta_backward(const LayerArguments& a,
                             const at::Tensor& output,
                             const at::Tensor& saved,
                             const OutputGradients& grads,
                             const WantedMask& wanted) {
  check_layer_backward(a, output, saved, grads, wanted);
  LayerGradients result;
  const auto tensors = reference::differentiable(a);
  for (int i = 0; i < kNumWanted; ++i) {
    if (wanted[i] && tensors[i]->defined()) {
      result[i] = at::empty_symint(tensors[i]->sym_sizes(), a.weight_ih.options());
    }
  }
  return result;
}

}  // namespace
}  // namespace masked_rnn

TORCH_LIBRARY_IMPL(masked_rnn, Meta, m) {
  masked_rnn::register_layers<masked_rnn::meta_forward, masked_rnn::meta_backward>(m);
}
