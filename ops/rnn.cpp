// masked_rnn::rnn_tanh and rnn_relu: see rnn.h.
#include <masked_rnn/ops/registration.h>
#include <masked_rnn/ops/rnn.h>
#include <masked_rnn/ops/stack.h>
#include <torch/library.h>

namespace masked_rnn {

std::tuple<at::Tensor, at::Tensor> rnn_tanh(const at::Tensor& input,
                                            const std::optional<at::Tensor>& hx,
                                            at::TensorList params,
                                            bool has_biases,
                                            int64_t num_layers,
                                            double dropout,
                                            bool train,
                                            bool bidirectional,
                                            bool batch_first,
                                            const std::optional<at::Tensor>& lengths,
                                            const std::optional<at::Tensor>& mask) {
  return run_single_state_stack(CellKind::kRnnTanh,
                                "masked_rnn::rnn_tanh",
                                input,
                                hx,
                                params,
                                has_biases,
                                num_layers,
                                dropout,
                                train,
                                bidirectional,
                                batch_first,
                                lengths,
                                mask);
}

std::tuple<at::Tensor, at::Tensor> rnn_relu(const at::Tensor& input,
                                            const std::optional<at::Tensor>& hx,
                                            at::TensorList params,
                                            bool has_biases,
                                            int64_t num_layers,
                                            double dropout,
                                            bool train,
                                            bool bidirectional,
                                            bool batch_first,
                                            const std::optional<at::Tensor>& lengths,
                                            const std::optional<at::Tensor>& mask) {
  return run_single_state_stack(CellKind::kRnnRelu,
                                "masked_rnn::rnn_relu",
                                input,
                                hx,
                                params,
                                has_biases,
                                num_layers,
                                dropout,
                                train,
                                bidirectional,
                                batch_first,
                                lengths,
                                mask);
}

}  // namespace masked_rnn

TORCH_LIBRARY_FRAGMENT(masked_rnn, m) {
  if (!masked_rnn::may_register()) {
    return;
  }
  m.def(
      "rnn_tanh(Tensor input, Tensor? hx, Tensor[] params, bool has_biases, int num_layers, "
      "float dropout, bool train, bool bidirectional, bool batch_first, Tensor? lengths=None, "
      "Tensor? mask=None) -> (Tensor output, Tensor h_n)",
      TORCH_FN(masked_rnn::rnn_tanh));
  m.def(
      "rnn_relu(Tensor input, Tensor? hx, Tensor[] params, bool has_biases, int num_layers, "
      "float dropout, bool train, bool bidirectional, bool batch_first, Tensor? lengths=None, "
      "Tensor? mask=None) -> (Tensor output, Tensor h_n)",
      TORCH_FN(masked_rnn::rnn_relu));
}
