// See layers.h.
#include <ATen/core/grad_mode.h>
#include <ATen/ops/empty.h>
#include <masked_rnn/csrc/reference/layer.h>
#include <masked_rnn/ops/checks.h>
#include <masked_rnn/ops/reference/layers.h>
#include <torch/library.h>

namespace masked_rnn {

LayerResult reference_forward(const LayerArguments& a, bool save) {
  check_layer(a);
  auto result = reference::forward(a);
  // The backward recomputes: nothing is kept, but shape and dtype are those of every device.
  const auto options = a.weight_ih.options().dtype(saved_dtype(a.weight_ih.scalar_type()));
  result.saved =
      save ? at::empty({a.steps() * a.batch(), saved_size(a.cell, a.hidden_size())}, options)
           : at::empty({0}, options);
  return result;
}

namespace {

LayerGradients reference_backward(const LayerArguments& a,
                                  const at::Tensor& output,
                                  const at::Tensor& saved,
                                  const OutputGradients& grads,
                                  const WantedMask& wanted) {
  check_layer_backward(a, output, saved, grads, wanted);
  at::AutoGradMode no_double_backward(false);
  return reference::backward(a, grads, wanted);
}

}  // namespace
}  // namespace masked_rnn

TORCH_LIBRARY_IMPL(masked_rnn, CompositeExplicitAutograd, m) {
  masked_rnn::register_layers<masked_rnn::reference_forward, masked_rnn::reference_backward>(m);
}
