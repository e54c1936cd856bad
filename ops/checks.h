// Every check of the operators' arguments, in a fixed order: presence, device, dtype, dimensions,
// agreement of sizes. Values are checked by the kernels that read them, never on Meta.
#pragma once

#include <masked_rnn/csrc/layer.h>
#include <masked_rnn/ops/bidirectional.h>

#include <initializer_list>
#include <ostream>

namespace masked_rnn {

// An operator's name, put together only where a message needs it.
struct OperatorName {
  const char* beginning;
  const char* middle = "";
  const char* end = "";

  friend std::ostream& operator<<(std::ostream& out, const OperatorName& name) {
    return out << name.beginning << name.middle << name.end;
  }
};

// Each throws c10::Error "masked_rnn::lstm_layer: expected `x` to ..., but got ...".

// That no required tensor is None: before anything asks one for its device. The others begin with it.
void check_presence(const LayerArguments& arguments);
void check_presence_backward(const LayerArguments& arguments,
                             const at::Tensor& output,
                             const at::Tensor& saved);

void check_layer(const LayerArguments& arguments);

// The arguments of a backward operator: those of the layer, what its forward gave, the gradients that
// came in, and those asked for.
void check_layer_backward(const LayerArguments& arguments,
                          const at::Tensor& output,
                          const at::Tensor& saved,
                          const OutputGradients& grads,
                          const WantedMask& wanted);

// The same for both directions of a layer, whose sizes must agree.
void check_directions(const Directions& directions);
void check_directions_backward(const Directions& directions,
                               const at::Tensor& output,
                               const at::Tensor& saved,
                               const OutputGradients& grads,
                               const BidirectionalMask& wanted);

// lengths [B] or mask [T, B] (T, B as the message calls them).
void check_lengths_and_mask(const OperatorName& name,
                            const at::Tensor& lengths,
                            const at::Tensor& mask,
                            const c10::SymInt& steps,
                            const c10::SymInt& batch,
                            bool batch_first);

}  // namespace masked_rnn
