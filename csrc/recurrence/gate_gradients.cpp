// See gate_gradients.h.
#include <ATen/ops/cat.h>
#include <ATen/ops/empty.h>
#include <ATen/ops/zeros.h>
#include <ATen/ops/zeros_like.h>
#include <masked_rnn/csrc/recurrence/gate_gradients.h>
#include <masked_rnn/csrc/recurrence/layout.h>
#include <masked_rnn/csrc/recurrence/weight_gradient.h>

namespace masked_rnn {
namespace {

template <class T>
struct WeightGradients {
  const GateGradients<T>& gates;
  const WantedMask& wanted;
  LayerGradients& result;
  const LayerArguments& a = gates.layer;
  const int64_t H = a.hidden_size(), N = gates.schedule.num_rows;

  at::Tensor gradient_of(const at::Tensor& weight) const {
    return at::empty(weight.sizes(), weight.options());
  }

  // Sums of the gates' gradients from column `first` on times rows of the sides.
  void sum(int64_t first, int64_t columns, const std::vector<WeightSide<T>>& sides) const {
    weight_gradient<T>(N, gates.rows.data + first, gates.rows.stride, columns, sides);
  }

  // Of weight_ih, unless its input is one-hot, and weight_hh.
  void matrices() const {
    const auto input = a.one_hot() ? at::Tensor() : with_contiguous_rows(a.input);
    std::vector<const T*> input_rows;
    std::vector<WeightSide<T>> sides;
    if (wanted[kWeightIh] && !a.one_hot()) {
      input_rows = row_pointers<const T>(gates.schedule, input);
      result[kWeightIh] = gradient_of(a.weight_ih);
      sides.push_back({input_rows.data(), result[kWeightIh]});
    }
    if (wanted[kWeightHh]) {
      result[kWeightHh] = gradient_of(a.weight_hh);
      sides.push_back({gates.previous.data(), result[kWeightHh]});
    }
    if (a.cell != CellKind::kGru) {
      return sum(0, gate_columns(a.cell, H), sides);
    }
    // r and z serve both matrices; n has columns of its own for each.
    std::vector<WeightSide<T>> r_and_z;
    for (const auto& side : sides) {
      r_and_z.push_back({side.rows, side.grad.narrow(0, 0, 2 * H)});
      const bool recurrent = side.rows == gates.previous.data();
      sum(recurrent ? 2 * H : 3 * H, H, {{side.rows, side.grad.narrow(0, 2 * H, H)}});
    }
    sum(0, 2 * H, r_and_z);
  }

  void one_hot_matrix() const {
    // zeros_like keeps the weight's memory order: a transposed one has contiguous columns.
    result[kWeightIh] = at::zeros_like(a.weight_ih);
    const auto indices = row_indices(gates.schedule, a);
    if (a.cell != CellKind::kGru) {
      return one_hot_weight_gradient<T>(
          indices, gates.rows.data, gates.rows.stride, result[kWeightIh]);
    }
    one_hot_weight_gradient<T>(
        indices, gates.rows.data, gates.rows.stride, result[kWeightIh].narrow(0, 0, 2 * H));
    one_hot_weight_gradient<T>(
        indices, gates.rows.data + 3 * H, gates.rows.stride, result[kWeightIh].narrow(0, 2 * H, H));
  }

  void biases() const {
    if (!wanted[kBiasIh] && !wanted[kBiasHh]) {
      return;
    }
    const auto sums = at::zeros({gate_columns(a.cell, H)}, a.weight_ih.options());
    bias_gradient<T>(N, gates.rows.data, gates.rows.stride, sums);
    const auto of_bias = [&](bool recurrent) {
      if (a.cell != CellKind::kGru) {
        return sums.clone();
      }
      return at::cat({sums.narrow(0, 0, 2 * H), sums.narrow(0, recurrent ? 2 * H : 3 * H, H)});
    };
    if (wanted[kBiasIh]) {
      result[kBiasIh] = of_bias(/*recurrent=*/false);
    }
    if (wanted[kBiasHh]) {
      result[kBiasHh] = of_bias(/*recurrent=*/true);
    }
  }

  void projection() const {
    const auto h_raw = gates.h_raw.template pointers<const T>(N);
    result[kWeightHr] = gradient_of(a.weight_hr);
    weight_gradient<T>(N,
                       gates.grad_projected.data,
                       gates.grad_projected.stride,
                       a.output_size(),
                       {{h_raw.data(), result[kWeightHr]}});
  }
};

}  // namespace

template <class T>
void weight_gradients(const GateGradients<T>& gates,
                      const WantedMask& wanted,
                      LayerGradients& result) {
  const WeightGradients<T> weights{gates, wanted, result};
  weights.matrices();
  if (wanted[kWeightIh] && gates.layer.one_hot()) {
    weights.one_hot_matrix();
  }
  weights.biases();
  if (wanted[kWeightHr]) {
    weights.projection();
  }
}

template void weight_gradients<float>(const GateGradients<float>&,
                                      const WantedMask&,
                                      LayerGradients&);
template void weight_gradients<double>(const GateGradients<double>&,
                                       const WantedMask&,
                                       LayerGradients&);

}  // namespace masked_rnn
