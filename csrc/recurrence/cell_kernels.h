// Which of the kernels belong to a layer: chosen once, outside of every loop.
#pragma once

#include <masked_rnn/csrc/kernels/kernels.h>
#include <masked_rnn/csrc/layer.h>

#include <type_traits>

namespace masked_rnn {

template <class T>
const Kernels<T>& layer_kernels(const LayerArguments& arguments) {
  if constexpr (std::is_same_v<T, float>) {
    if (arguments.bfloat16_products) {
      return bfloat16_kernels();
    }
  }
  return kernels<T>();
}

template <class T>
struct CellKernels {
  void (*step)(const StepArguments<T>&);
  void (*step_backward)(const StepBackwardArguments<T>&);
};

template <class T>
CellKernels<T> cell_kernels(const Kernels<T>& k, CellKind cell) {
  switch (cell) {
    case CellKind::kRnnTanh:
      return {k.rnn_tanh_step, k.rnn_tanh_step_backward};
    case CellKind::kRnnRelu:
      return {k.rnn_relu_step, k.rnn_relu_step_backward};
    case CellKind::kGru:
      return {k.gru_step, k.gru_step_backward};
    default:
      return {k.lstm_step, k.lstm_step_backward};
  }
}

}  // namespace masked_rnn
