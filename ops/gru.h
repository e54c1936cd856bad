// The masked GRU as an operator: the arguments of at::gru plus the lengths or mask of the batch.
#pragma once

#include <ATen/core/Tensor.h>
#include <masked_rnn/ops/api.h>

#include <optional>
#include <tuple>

namespace masked_rnn {

// A stack of GRU layers over a padded batch; padding is neither computed nor read.
//
//   r, z = sigmoid(W_i* x_t + b_i* + W_h* h_(t-1) + b_h*)
//   n = tanh(W_in x_t + b_in + r * (W_hn h_(t-1) + b_hn))
//   h_t = (1 - z) * n + z * h_(t-1)
//   (torch.nn.GRU; Cho et al. 2014, with the reset gate after the product)
//
// Arguments and errors as masked_rnn::lstm, with hx one optional tensor h_0 [L*D, B, H] (zeros if
// absent), gates stacked as r, z, n in the weights [3H, .], and no projection.
// Returns output [T, B, D*H] in the layout of input, 0 where invalid, and h_n [L*D, B, H].
MASKED_RNN_API std::tuple<at::Tensor, at::Tensor> gru(
    const at::Tensor& input,
    const std::optional<at::Tensor>& hx,
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
