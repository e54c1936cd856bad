// masked_rnn::lstm: see lstm.h.
#include <masked_rnn/ops/layer_adapters.h>
#include <masked_rnn/ops/lstm.h>
#include <masked_rnn/ops/registration.h>
#include <masked_rnn/ops/stack.h>
#include <torch/library.h>

namespace masked_rnn {

std::tuple<at::Tensor, at::Tensor, at::Tensor> lstm(const at::Tensor& input,
                                                    at::TensorList hx,
                                                    at::TensorList params,
                                                    bool has_biases,
                                                    int64_t num_layers,
                                                    double dropout,
                                                    bool train,
                                                    bool bidirectional,
                                                    bool batch_first,
                                                    const std::optional<at::Tensor>& lengths,
                                                    const std::optional<at::Tensor>& mask) {
  const auto y = run_stack({CellKind::kLstm,
                            "masked_rnn::lstm",
                            input,
                            hx.vec(),
                            params,
                            has_biases,
                            num_layers,
                            dropout,
                            train,
                            bidirectional,
                            batch_first,
                            or_undefined(lengths),
                            or_undefined(mask)});
  return {y.output, y.h_n, y.c_n};
}

}  // namespace masked_rnn

TORCH_LIBRARY_FRAGMENT(masked_rnn, m) {
  if (!masked_rnn::may_register()) {
    return;
  }
  m.def(
      "lstm(Tensor input, Tensor[] hx, Tensor[] params, bool has_biases, int num_layers, "
      "float dropout, bool train, bool bidirectional, bool batch_first, Tensor? lengths=None, "
      "Tensor? mask=None) -> (Tensor output, Tensor h_n, Tensor c_n)",
      TORCH_FN(masked_rnn::lstm));
}
