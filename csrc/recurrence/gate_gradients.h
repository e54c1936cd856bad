// What the reverse chain leaves of a layer: the gradients of all gates, of which every gradient of a
// weight or bias is a sum over rows.
#pragma once

#include <masked_rnn/csrc/layer.h>
#include <masked_rnn/csrc/recurrence/rows.h>
#include <masked_rnn/csrc/schedule.h>

namespace masked_rnn {

// Columns of a row: one for each gate and hidden unit; the GRU has r, z, n as the recurrent side sees
// it (its product is multiplied with r), and n as the input's side sees it.
constexpr int64_t gate_columns(CellKind cell, int64_t hidden_size) {
  return (cell == CellKind::kGru ? 4 : num_gates(cell)) * hidden_size;
}

template <class T>
struct GateGradients {
  const LayerArguments& layer;
  const Schedule& schedule;
  Rows<T> rows;                           // [N, gate_columns]
  const std::vector<const T*>& previous;  // [N] -> [P] the h that each row continues
  Rows<T> h_raw;                          // [N, H] h before the projection, if its weight is wanted
  Rows<T> grad_projected;                 // [N, P] gradient of h after it, likewise
};

// Sets the gradients of weights and biases that are wanted.
template <class T>
void weight_gradients(const GateGradients<T>& gates,
                      const WantedMask& wanted,
                      LayerGradients& result);

}  // namespace masked_rnn
