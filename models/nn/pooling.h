// One vector per sequence from the states of its steps; padding is never read.
#pragma once

#include <torch/types.h>

namespace masked_rnn {

// The last layer's final states, directions side by side: what forward computed after the last
// valid step and, in the reverse direction, after the first.
//   h_n [L*D, B, H] -> [B, D*H], D = num_directions
torch::Tensor final_state(const torch::Tensor& h_n, int64_t num_directions);

// Mean and largest value over the valid steps; 0 for a sequence of length 0.
//   output [T, B, F], lengths [B] of any integer type, 0..T -> [B, F]
torch::Tensor masked_mean(const torch::Tensor& output, const torch::Tensor& lengths);
torch::Tensor masked_max(const torch::Tensor& output, const torch::Tensor& lengths);

}  // namespace masked_rnn
