// Both directions of a layer in one operator, whatever the cell: their outputs stand side by side, the
// gradient of the input is the sum of theirs, and each has threads of its own where there are enough.
#pragma once

#include <masked_rnn/csrc/layer.h>

#include <array>

namespace masked_rnn {

// Forward and reverse; but for the states and weights they are the same.
using Directions = std::array<LayerArguments, 2>;

// The gradient of the input, which is of both, stands with the first; both masks ask for it, or neither.
using BidirectionalGradients = std::array<LayerGradients, 2>;
using BidirectionalMask = std::array<WantedMask, 2>;

using BidirectionalForward = LayerResult(const Directions&, bool save);
using BidirectionalBackward = BidirectionalGradients(const Directions&,
                                                     const at::Tensor& output,
                                                     const at::Tensor& saved,
                                                     const OutputGradients&,
                                                     const BidirectionalMask&);

// masked_rnn::bidirectional_layer: output [T, B, 2*P], h_n [2, B, P], c_n [2, B, H], and saved, which
// begins with a dimension of 2 where it is asked for.
BidirectionalForward call_bidirectional;

// masked_rnn::bidirectional_layer_backward: `output` and `saved` are those of call_bidirectional.
BidirectionalBackward call_bidirectional_backward;

// The same by the operators of one layer: on devices without a kernel of ours, under the transforms of
// torch.func, in forward mode, and for second derivatives.
BidirectionalForward compose_bidirectional;
BidirectionalBackward compose_bidirectional_backward;

}  // namespace masked_rnn
