// Which of the kernels belong to a cell: chosen once, outside of every loop.
#pragma once

#include <masked_rnn/csrc/kernels/kernels.h>
#include <masked_rnn/csrc/layer.h>

namespace masked_rnn {

template <class T>
struct CellKernels {
  void (*step)(const StepArguments<T>&);
  void (*step_backward)(const StepBackwardArguments<T>&);
};

template <class T>
CellKernels<T> cell_kernels(CellKind cell) {
  const auto& k = kernels<T>();
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
