// The reference as a kernel of the operators: what runs on devices without a kernel of ours, and under
// the transforms of torch.func.
#pragma once

#include <masked_rnn/ops/layer_adapters.h>

namespace masked_rnn {

LayerForward reference_forward;  // checks its arguments first

}  // namespace masked_rnn
