// Where the two directions of a layer part and meet. As with the states (see states.h), operators of
// their own leave nothing in the graph of a stack that torch.compile has to generate code for. They
// are called only where a graph is recorded: ATen's cat, and autograd's addition, which is in place,
// cost less.
#pragma once

#include <ATen/core/Tensor.h>

#include <array>

namespace masked_rnn {

// `input` for each direction; masked_rnn::add_gradients adds their gradients.
std::array<at::Tensor, 2> share_input(const at::Tensor& input);

// masked_rnn::join_directions: outputs [T, B, .] side by side, [T, B, sum of the last sizes].
at::Tensor join_directions(at::TensorList outputs);

}  // namespace masked_rnn
