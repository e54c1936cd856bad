// The layers under torch.func.vmap: the reference, whose operations have batching rules.
#include <masked_rnn/ops/gru.h>
#include <masked_rnn/ops/lstm.h>
#include <masked_rnn/ops/reference/layers.h>
#include <masked_rnn/ops/rnn.h>
#include <torch/library.h>

namespace masked_rnn {
namespace {

LayerGradients batched_backward(const LayerArguments&,
                                const at::Tensor&,
                                const at::Tensor&,
                                const OutputGradients&,
                                const WantedMask&) {
  TORCH_CHECK_NOT_IMPLEMENTED(
      false,
      "masked_rnn: expected gradients of what was computed outside of torch.func.vmap to be asked "
      "for one at a time, but got a batch of them: use torch.func.vjp or jacrev inside, or a loop");
}

}  // namespace
}  // namespace masked_rnn

TORCH_LIBRARY_IMPL(masked_rnn, FuncTorchBatched, m) {
  masked_rnn::register_layers<masked_rnn::reference_forward, masked_rnn::batched_backward>(m);
  if (!masked_rnn::may_register()) {
    return;
  }
  // Made of layers and ATen's operations, as everywhere; vmap asks for that to be said.
  m.impl("lstm", TORCH_FN(masked_rnn::lstm));
  m.impl("gru", TORCH_FN(masked_rnn::gru));
  m.impl("rnn_tanh", TORCH_FN(masked_rnn::rnn_tanh));
  m.impl("rnn_relu", TORCH_FN(masked_rnn::rnn_relu));
}
