// The masked LSTM as an operator: the arguments of at::lstm plus the lengths or mask of the batch.
#pragma once

#include <ATen/core/Tensor.h>
#include <masked_rnn/ops/api.h>

#include <optional>
#include <tuple>

namespace masked_rnn {

// A stack of LSTM layers over a padded batch; padding is neither computed nor read.
//
//   i, f, o = sigmoid(W_i* x_t + b_i* + W_h* h_(t-1) + b_h*),  g = tanh(...)
//   c_t = f * c_(t-1) + i * g,   h_t = o * tanh(c_t)   [then W_hr h_t with a projection]
//   (torch.nn.LSTM; Hochreiter & Schmidhuber 1997, projection Sak et al. 2014)
//
//   input    [T, B, I] (batch_first: [B, T, I]; unbatched: [T, I]), float32, float64, bfloat16 or float16;
//            or integers [T, B] ([B, T]; [T]): one-hot vectors given by their index, 0..I-1
//   hx       {} for zeros, or {h_0 [L*D, B, P or H], c_0 [L*D, B, H]}
//   params   per layer and direction: weight_ih [4H, I], weight_hh [4H, P or H], then bias_ih [4H]
//            and bias_hh [4H] if has_biases, then weight_hr [P, H] with a projection
//   dropout  probability between layers, applied only if train
//   lengths  [B], any integer type, device and order, 0..T
//   mask     bool, `input`'s layout without its last dimension; any pattern; not beside lengths
//
// Returns output [T, B, D*(P or H)] in the layout of input, 0 where invalid, h_n and c_n: the state
// after each sequence's last valid step (first, in the reverse direction). Throws c10::Error that
// names the argument, what it must be and what was given.
MASKED_RNN_API std::tuple<at::Tensor, at::Tensor, at::Tensor> lstm(
    const at::Tensor& input,
    at::TensorList hx,
    at::TensorList params,
    bool has_biases,
    int64_t num_layers,
    double dropout,
    bool train,
    bool bidirectional,
    bool batch_first,
    const std::optional<at::Tensor>& lengths = std::nullopt,
    const std::optional<at::Tensor>& mask = std::nullopt);

}  // namespace masked_rnn
