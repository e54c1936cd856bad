// Which of the kernels belong to a layer: chosen once, outside of every loop.
#pragma once

#include <masked_rnn/csrc/kernels/kernels.h>
#include <masked_rnn/csrc/layer.h>

#include <algorithm>
#include <type_traits>

namespace masked_rnn {

// Multiplied numbers of both weights together from which on matrix tiles pay for float32. Below, packing
// them and splitting rows takes what they save: measured for a training step, 0.95 times as fast at
// 32,768, 1.1 times at 73,728.
constexpr int64_t kTilesPay = (1 << 15) + 1;

template <class T>
const Kernels<T>& layer_kernels(const LayerArguments& a) {
  if constexpr (std::is_same_v<T, float>) {
    if (a.bfloat16_products) {
      return bfloat16_kernels();
    }
  }
  const int64_t multiplied = a.weight_hh.numel() + (a.one_hot() ? 0 : a.weight_ih.numel());
  return kernels<T>(multiplied < kTilesPay ? std::min(cpu_level(), Level::kAvx512) : cpu_level());
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
