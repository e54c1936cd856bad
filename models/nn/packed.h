// Between torch::nn's PackedSequence and the padded batch that the operators take.
#pragma once

#include <torch/nn/utils/rnn.h>
#include <torch/types.h>

namespace masked_rnn {

// A packed batch laid out as a padded one, in its own (sorted) order of sequences.
struct UnpackedBatch {
  torch::Tensor input;    // [T, B, I], or [T, B] if the packed data are indices; 0 at padding
  torch::Tensor lengths;  // [B] int64, falling
  torch::Tensor rows;     // [N] int64, the place t*B + b of each packed row
};

// packed.data is [N, I] (or [N]), packed.batch_sizes [T] on the CPU.
UnpackedBatch unpack(const torch::nn::utils::rnn::PackedSequence& packed);

// Packs output [T, B, F], computed from `batch`, with the batch sizes and indices of `like`.
torch::nn::utils::rnn::PackedSequence pack_as(const torch::nn::utils::rnn::PackedSequence& like,
                                              const UnpackedBatch& batch,
                                              const torch::Tensor& output);

// Reorders the sequences of a state [L*D, B, H]; as it is where indices are undefined.
torch::Tensor permute_state(const torch::Tensor& state, const torch::Tensor& indices);

}  // namespace masked_rnn
