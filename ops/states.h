// Initial and final states of a stack of layers, as operators of their own: the graph of a stack then
// holds nothing that torch.compile has to generate code for.
#pragma once

#include <ATen/core/Tensor.h>

namespace masked_rnn {

// masked_rnn::zero_state: zeros [batch, size] of the dtype and on the device of `weight`.
at::Tensor zero_state(const at::Tensor& weight, c10::SymInt batch, c10::SymInt size);

// masked_rnn::join_states: at::cat, of equally many directions [D, batch, size] of each layer.
at::Tensor join_states(at::TensorList states);

}  // namespace masked_rnn
