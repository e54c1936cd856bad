// The masked Elman network as operators: at::rnn_tanh and at::rnn_relu plus lengths or mask.
#pragma once

#include <ATen/core/Tensor.h>
#include <masked_rnn/ops/api.h>

#include <optional>
#include <tuple>

namespace masked_rnn {

// A stack of Elman layers over a padded batch; padding is neither computed nor read.
//
//   s_t = act(U x_t + b_ih + W s_(t-1) + b_hh),   act = tanh or relu   (torch.nn.RNN; Elman 1990)
//
// U is weight_ih [H, I], W is weight_hh [H, H]. Arguments, results and errors as masked_rnn::gru.
MASKED_RNN_API std::tuple<at::Tensor, at::Tensor> rnn_tanh(
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

MASKED_RNN_API std::tuple<at::Tensor, at::Tensor> rnn_relu(
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
