// The one-layer operators as C++ functions: every call goes through the dispatcher.
#pragma once

#include <masked_rnn/csrc/layer.h>

namespace masked_rnn {

// masked_rnn::lstm_layer, gru_layer or rnn_layer by arguments.cell. `save` asks for what the backward
// needs; without it `saved` is empty.
LayerResult call_layer(const LayerArguments& arguments, bool save);

// masked_rnn::lstm_layer_backward and its sisters. `output` and `saved` are those of call_layer.
LayerGradients call_layer_backward(const LayerArguments& arguments,
                                   const at::Tensor& output,
                                   const at::Tensor& saved,
                                   const OutputGradients& grads,
                                   const WantedMask& wanted);

}  // namespace masked_rnn
