// The loop over time for any cell, forward and backward, on tensors of the CPU.
#pragma once

#include <masked_rnn/csrc/layer.h>

namespace masked_rnn::recurrence {

// Arguments as checked by the operators, float or double. `saved` is filled only if asked for.
LayerResult forward(const LayerArguments& arguments, bool save);

// Gradients that are wanted; `output` and `saved` are those of forward.
LayerGradients backward(const LayerArguments& arguments,
                        const at::Tensor& output,
                        const at::Tensor& saved,
                        const OutputGradients& grads,
                        const WantedMask& wanted);

}  // namespace masked_rnn::recurrence
