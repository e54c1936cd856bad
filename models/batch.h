// A padded batch of sequences as the models take it; how batches are made stands in text/batches.h.
#pragma once

#include <torch/types.h>

#include <cstdint>
#include <vector>

namespace masked_rnn {

// T steps, B sequences, U distinct words, C bytes of the longest word. Text is wrapped in
// <sos> ... <eos>, which count in T and lengths. Undefined tensors are what a batch does not have.
struct Batch {
  // Target of a step or sequence without one (padding, <sos>, <eos>, a label the model lacks).
  static constexpr int64_t kIgnoreIndex = -100;

  torch::Tensor tokens;      // [T, B] int64 vocabulary indices, 0 (<pad>) at padding
  torch::Tensor features;    // [T, B, I] float32, 0 at padding
  torch::Tensor lengths;     // [B] int64
  torch::Tensor characters;  // [C, U] int64, UTF-8 byte values of the distinct words, 0 at padding
  torch::Tensor character_lengths;  // [U] int64; 0 for <sos>, <eos> and <pad>
  torch::Tensor words;              // [T, B] int64, which of the U distinct words stands here
  torch::Tensor targets;            // classification [B], labelling [T, B]; int64
  std::vector<int64_t> examples;    // [B] index of each sequence in its data set

  int64_t num_sequences() const { return lengths.size(0); }
};

}  // namespace masked_rnn
