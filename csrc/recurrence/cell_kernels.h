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

// The same of the weights' gradients alone, and their multiply-adds from which on they do: other instructions
// are slower for some microseconds after tiles. A training step takes 0.94-0.96 times as long at 32,768 numbers
// (LSTM) and 0.93 at 18,432 (vanilla RNN) from 1,000 rows on, 0.96 at 24,576 (GRU) with many thousand rows;
// 1.05-1.2 times with 50 to 200 rows, 1.03 at 8,192 numbers.
constexpr int64_t kTilesPayInGradients = 1 << 14;
constexpr int64_t kMultiplyAddsOnTiles = 1 << 25;

// The numbers of a layer's weights that each row is multiplied with, but those of the projection.
inline int64_t num_multiplied(const LayerArguments& a) {
  return a.weight_hh.numel() + (a.one_hot() ? 0 : a.weight_ih.numel());
}

template <class T>
const Kernels<T>& kernels_with_tiles(const LayerArguments& a, bool tiles_pay) {
  if constexpr (std::is_same_v<T, float>) {
    if (a.bfloat16_products) {
      return bfloat16_kernels();
    }
  }
  return kernels<T>(tiles_pay ? cpu_level() : std::min(cpu_level(), Level::kAvx512));
}

template <class T>
const Kernels<T>& layer_kernels(const LayerArguments& a) {
  return kernels_with_tiles<T>(a, num_multiplied(a) >= kTilesPay);
}

// Of the sums over all rows of a batch that are the weights' gradients.
template <class T>
const Kernels<T>& weight_gradient_kernels(const LayerArguments& a, int64_t batch_rows) {
  const int64_t multiplied = num_multiplied(a);
  return kernels_with_tiles<T>(
      a,
      multiplied >= kTilesPay ||
          (multiplied >= kTilesPayInGradients && multiplied * batch_rows >= kMultiplyAddsOnTiles));
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
