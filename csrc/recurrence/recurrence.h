// The loop over time for any cell, forward and backward, on tensors of the CPU.
#pragma once

#include <c10/util/ArrayRef.h>
#include <masked_rnn/csrc/layer.h>

#include <vector>

namespace masked_rnn::recurrence {

// One direction of a layer, or both: layers of the same input, lengths and sizes that need nothing of
// each other. Arguments as checked by the operators, float or double.

// Of one direction as LayerResult says; of both, output [T, B, 2*P] holds them side by side, and the others
// one after the other: h_n [2, B, P], c_n [2, B, H], saved [2, T*B, saved_size] or [0]. `saved` is filled
// only if asked for.
LayerResult forward(c10::ArrayRef<LayerArguments> directions, bool save);

// Gradients that are wanted, of each direction; that of the input, the sum of both, stands with the
// first. `output` and `saved` are those of forward, whose shapes the gradients have.
std::vector<LayerGradients> backward(c10::ArrayRef<LayerArguments> directions,
                                     const at::Tensor& output,
                                     const at::Tensor& saved,
                                     const OutputGradients& grads,
                                     c10::ArrayRef<WantedMask> wanted);

}  // namespace masked_rnn::recurrence
