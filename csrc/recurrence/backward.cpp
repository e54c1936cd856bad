// The backward pass: the reverse chain on each thread's own sequences first, then weight gradients
// as products over all rows.
#include <ATen/ops/cat.h>
#include <ATen/ops/empty.h>
#include <ATen/ops/empty_like.h>
#include <ATen/ops/tensor.h>
#include <ATen/ops/zeros.h>
#include <ATen/ops/zeros_like.h>
#include <masked_rnn/csrc/parallel.h>
#include <masked_rnn/csrc/recurrence/cell_kernels.h>
#include <masked_rnn/csrc/recurrence/layout.h>
#include <masked_rnn/csrc/recurrence/recurrence.h>
#include <masked_rnn/csrc/recurrence/weight_gradient.h>

#include <algorithm>
#include <cstring>

namespace masked_rnn::recurrence {
namespace {

// Rows whose input gradient is computed at a time, so that their gates stay in the second-level cache.
constexpr int64_t kInputGradientRows = 128;

template <class T>
struct BackwardPass {
  const LayerArguments& a;
  const Schedule& schedule;
  const OutputGradients& grads;
  const WantedMask& wanted;
  const at::Tensor& saved;

  const at::ScalarType dtype = c10::CppTypeToScalarType<T>::value;
  int64_t H, P, gate_columns, gate_stride, saved_columns;
  at::Tensor output_tensor, h_0, c_0, grad_output_tensor, grad_h_n, grad_c_n;
  std::vector<T*> output;
  std::vector<const T*> previous, grad_output;
  PackedWeight<T> weight_hh, weight_hh_n, weight_hr, weight_ih;
  at::Tensor grad_gates;  // [N, gate_stride]: G*H; GRU 4H: r, z, n and the recurrent part of n
  at::Tensor grad_h;      // [B, P] in the schedule's order, as every state below
  at::Tensor grad_c;      // [B, H]
  at::Tensor grad_raw;    // [B, H] gradient of the LSTM's h before the projection
  at::Tensor h_raw;       // [N, H] that h
  at::Tensor grad_rows;   // [N, P] gradient of every projected h
  at::Tensor grad_input;
  std::vector<T*> grad_input_rows;

  BackwardPass(const LayerArguments& arguments,
               const Schedule& schedule_,
               const at::Tensor& output_,
               const at::Tensor& saved_,
               const OutputGradients& grads_,
               const WantedMask& wanted_)
      : a(arguments),
        schedule(schedule_),
        grads(grads_),
        wanted(wanted_),
        saved(saved_),
        H(a.hidden_size()),
        P(a.output_size()),
        gate_columns(a.cell == CellKind::kGru ? 4 * H : a.weight_ih.size(0)),
        gate_stride(apart(gate_columns)),
        saved_columns(saved_size(a.cell, H)),
        output_tensor(with_contiguous_rows(output_)),
        h_0(a.h_0.contiguous()),
        output(row_pointers<T>(schedule, output_tensor)),
        previous(previous_pointers<T>(schedule, output, h_0)) {
    const int64_t N = schedule.num_rows, B = schedule.num_sequences;
    if (grads.output.defined()) {
      grad_output_tensor = with_contiguous_rows(grads.output);
      grad_output = row_pointers<const T>(schedule, grad_output_tensor);
    }
    grad_h_n = grads.h_n.defined() ? grads.h_n.contiguous() : at::zeros_like(h_0);
    grad_gates = scratch({N, gate_stride}, dtype);
    grad_h = scratch({B, P}, dtype);
    if (a.cell == CellKind::kGru) {
      weight_hh = pack_plain<T>(a.weight_hh.narrow(0, 0, 2 * H));
      weight_hh_n = pack_plain<T>(a.weight_hh.narrow(0, 2 * H, H));
    } else {
      weight_hh = pack_plain<T>(a.weight_hh);
    }
    if (a.cell == CellKind::kLstm) {
      const auto order = at::tensor(schedule.order, at::kLong);
      c_0 = a.c_0.index_select(0, order).contiguous();
      grad_c_n = grads.c_n.defined() ? grads.c_n.contiguous() : at::zeros({B, H}, h_0.options());
      grad_c = scratch({B, H}, dtype);
    }
    if (a.projected()) {
      weight_hr = pack_plain<T>(a.weight_hr);
      grad_raw = scratch({B, H}, dtype);
      if (wanted[kWeightHr]) {
        h_raw = scratch({N, H}, dtype);
        grad_rows = scratch({N, P}, dtype);
      }
    }
    if (wanted[kInput]) {
      weight_ih = pack_plain<T>(a.weight_ih);
      grad_input = at::empty({a.steps(), a.batch(), a.input_size()}, a.weight_ih.options());
      grad_input_rows = row_pointers<T>(schedule, grad_input);
    }
  }

  static T* row(const at::Tensor& tensor, int64_t i) {
    return tensor.mutable_data_ptr<T>() + i * tensor.size(1);
  }

  // grad_h becomes the gradient of h at this step but for the output's part, which the cell adds:
  // what came back from the next step, or the final state's gradient where the sequence ends here. A
  // projection needs both parts at once.
  void gather(int64_t step, Slice rows) const {
    for (int64_t j = rows.first; j < rows.last; ++j) {
      if (schedule.lengths[j] == step + 1) {
        const int64_t b = schedule.order[j];
        std::memcpy(row(grad_h, j), row(grad_h_n, b), P * sizeof(T));
        if (grad_c.defined()) {
          std::memcpy(row(grad_c, j), row(grad_c_n, b), H * sizeof(T));
        }
      }
      if (a.projected() && !grad_output.empty()) {
        kernels<T>().add(P, grad_output[schedule.offsets[step] + j], row(grad_h, j));
      }
    }
  }

  void step(int64_t step, Slice rows) const {
    gather(step, rows);
    const int64_t first = schedule.offsets[step] + rows.first, count = rows.last - rows.first;
    std::vector<T*> grad_h_rows(count), grad_raw_rows(count);
    std::vector<const T*> gate_rows(count), gate_rows_n(count);
    for (int64_t r = 0; r < count; ++r) {
      grad_h_rows[r] = row(grad_h, rows.first + r);
      gate_rows[r] = row(grad_gates, first + r);
      gate_rows_n[r] = gate_rows[r] + 3 * H;
    }
    const auto& k = kernels<T>();
    if (a.projected()) {
      for (int64_t r = 0; r < count; ++r) {
        grad_raw_rows[r] = row(grad_raw, rows.first + r);
        if (grad_rows.defined()) {
          std::memcpy(row(grad_rows, first + r), grad_h_rows[r], P * sizeof(T));
        }
      }
      k.product({count,
                 P,
                 H,
                 grad_h_rows.data(),
                 weight_hr.data(),
                 nullptr,
                 false,
                 grad_raw_rows.data()});
    }

    StepBackwardArguments<T> s{};
    s.rows = count;
    s.hidden = H;
    s.grad_h = row(a.projected() ? grad_raw : grad_h, rows.first);
    s.grad_h_stride = H;
    if (!a.projected() && !grad_output.empty()) {
      s.grad_output = grad_output.data() + first;
    }
    if (a.cell == CellKind::kLstm) {
      s.grad_c = row(grad_c, rows.first);
      s.grad_c_stride = H;
      const bool start = step == 0;
      s.c_prev = start ? row(c_0, rows.first)
                       : row(saved, schedule.offsets[step - 1] + rows.first) + 4 * H;
      s.c_prev_stride = start ? H : saved_columns;
      if (h_raw.defined()) {
        s.h_raw = row(h_raw, first);
        s.h_raw_stride = H;
      }
    }
    if (saved_columns > 0) {
      s.saved = row(saved, first);
      s.saved_stride = saved_columns;
    }
    s.h_prev = previous.data() + first;
    s.h = output.data() + first;
    s.grad_gates = row(grad_gates, first);
    s.grad_gates_stride = gate_stride;
    cell_kernels<T>(a.cell).step_backward(s);

    if (a.cell == CellKind::kGru) {
      k.product(
          {count, 2 * H, H, gate_rows.data(), weight_hh.data(), nullptr, true, grad_h_rows.data()});
      k.product(
          {count, H, H, gate_rows_n.data(), weight_hh_n.data(), nullptr, true, grad_h_rows.data()});
    } else {
      k.product({count,
                 gate_columns,
                 P,
                 gate_rows.data(),
                 weight_hh.data(),
                 nullptr,
                 false,
                 grad_h_rows.data()});
    }
  }

  void input_gradient(Slice slice) const {
    std::vector<const T*> from;
    std::vector<T*> to;
    const auto flush = [&] {
      kernels<T>().product({static_cast<int64_t>(from.size()),
                            a.weight_ih.size(0),
                            a.input_size(),
                            from.data(),
                            weight_ih.data(),
                            nullptr,
                            false,
                            to.data()});
      from.clear();
      to.clear();
    };
    for (int64_t step = 0; step < schedule.num_steps; ++step) {
      const int64_t last = std::min(slice.last, schedule.rows_at(step));
      for (int64_t j = slice.first; j < last; ++j) {
        const int64_t r = schedule.offsets[step] + j;
        from.push_back(row(grad_gates, r));
        to.push_back(grad_input_rows[r]);
        if (static_cast<int64_t>(from.size()) == kInputGradientRows) {
          flush();
        }
      }
    }
    flush();
  }

  void run(Slice slice) const {
    for (int64_t t = schedule.num_steps - 1; t >= 0; --t) {
      const int64_t last = std::min(slice.last, schedule.rows_at(t));
      if (last > slice.first) {
        step(t, {slice.first, last});
      }
    }
    if (wanted[kInput]) {
      input_gradient(slice);
    }
  }

  // Gradient of an initial state: what is left of the chain, or the final state's own gradient where
  // there were no steps.
  at::Tensor initial_gradient(const at::Tensor& chain, const at::Tensor& final_grad) const {
    const auto result = at::empty_like(final_grad);
    for (int64_t j = 0; j < schedule.num_sequences; ++j) {
      const int64_t b = schedule.order[j];
      const T* from = schedule.lengths[j] > 0 ? row(chain, j) : row(final_grad, b);
      std::memcpy(row(result, b), from, result.size(1) * sizeof(T));
    }
    return result;
  }

  // Sums of the gates' gradients from column `first` on times rows of the sides.
  void sum(int64_t first, int64_t columns, const std::vector<WeightSide<T>>& sides) const {
    weight_gradients<T>(
        schedule.num_rows, grad_gates.const_data_ptr<T>() + first, gate_stride, columns, sides);
  }

  // Of weight_ih (unless its input is one-hot) and weight_hh.
  void matrices(LayerGradients& result) const {
    const auto input = a.one_hot() ? at::Tensor() : with_contiguous_rows(a.input);
    std::vector<const T*> input_rows;
    std::vector<WeightSide<T>> sides;
    if (wanted[kWeightIh] && !a.one_hot()) {
      input_rows = row_pointers<const T>(schedule, input);
      result[kWeightIh] = at::zeros(a.weight_ih.sizes(), a.weight_ih.options());
      sides.push_back({input_rows.data(), result[kWeightIh]});
    }
    if (wanted[kWeightHh]) {
      result[kWeightHh] = at::zeros(a.weight_hh.sizes(), a.weight_hh.options());
      sides.push_back({previous.data(), result[kWeightHh]});
    }
    if (a.cell != CellKind::kGru) {
      return sum(0, gate_columns, sides);
    }
    // r and z serve both matrices; n has a part of its own for each.
    std::vector<WeightSide<T>> r_and_z, n;
    for (const auto& side : sides) {
      r_and_z.push_back({side.rows, side.grad.narrow(0, 0, 2 * H)});
      n.push_back({side.rows, side.grad.narrow(0, 2 * H, H)});
    }
    sum(0, 2 * H, r_and_z);
    for (const auto& side : n) {
      sum(side.rows == previous.data() ? 3 * H : 2 * H, H, {side});
    }
  }

  void biases(LayerGradients& result) const {
    const T* gates = grad_gates.const_data_ptr<T>();
    const auto column_sums = [&](int64_t first, const at::Tensor& grad) {
      bias_gradient<T>(schedule.num_rows, gates + first, gate_stride, grad);
    };
    if (!wanted[kBiasIh] && !wanted[kBiasHh]) {
      return;
    }
    const auto grad = at::zeros({gate_columns}, a.weight_ih.options());
    column_sums(0, grad);
    const auto of_bias = [&](bool recurrent) {
      if (a.cell != CellKind::kGru) {
        return grad.clone();
      }
      const auto n = grad.narrow(0, recurrent ? 3 * H : 2 * H, H);
      return at::cat({grad.narrow(0, 0, 2 * H), n});
    };
    if (wanted[kBiasIh]) {
      result[kBiasIh] = of_bias(/*recurrent=*/false);
    }
    if (wanted[kBiasHh]) {
      result[kBiasHh] = of_bias(/*recurrent=*/true);
    }
  }

  void weights(LayerGradients& result) const {
    if (wanted[kWeightIh] && a.one_hot()) {
      // zeros_like keeps the weight's memory order: a transposed one has contiguous columns.
      result[kWeightIh] = at::zeros_like(a.weight_ih);
      one_hot_weight_gradient<T>(
          row_indices(schedule, a), grad_gates.const_data_ptr<T>(), gate_stride, result[kWeightIh]);
    }
    matrices(result);
    biases(result);
    if (wanted[kWeightHr]) {
      std::vector<const T*> rows(schedule.num_rows);
      for (int64_t r = 0; r < schedule.num_rows; ++r) {
        rows[r] = row(h_raw, r);
      }
      result[kWeightHr] = at::zeros(a.weight_hr.sizes(), a.weight_hr.options());
      weight_gradients<T>(schedule.num_rows,
                          grad_rows.const_data_ptr<T>(),
                          P,
                          P,
                          {{rows.data(), result[kWeightHr]}});
    }
  }
};

template <class T>
LayerGradients run_backward(const LayerArguments& a,
                            const at::Tensor& output,
                            const at::Tensor& saved,
                            const OutputGradients& grads,
                            const WantedMask& wanted) {
  const auto schedule = make_schedule(a);
  const BackwardPass<T> pass(a, schedule, output, saved, grads, wanted);
  const auto slices = split(schedule, num_threads());
  parallel_tasks(static_cast<int64_t>(slices.size()), [&](int64_t i) { pass.run(slices[i]); });

  LayerGradients result;
  if (wanted[kInput]) {
    zero_padding(schedule, pass.grad_input);
    result[kInput] = pass.grad_input;
  }
  if (wanted[kH0]) {
    result[kH0] = pass.initial_gradient(pass.grad_h, pass.grad_h_n);
  }
  if (wanted[kC0]) {
    result[kC0] = pass.initial_gradient(pass.grad_c, pass.grad_c_n);
  }
  pass.weights(result);
  return result;
}

}  // namespace

LayerGradients backward(const LayerArguments& a,
                        const at::Tensor& output,
                        const at::Tensor& saved,
                        const OutputGradients& grads,
                        const WantedMask& wanted) {
  return a.weight_ih.scalar_type() == at::kDouble
             ? run_backward<double>(a, output, saved, grads, wanted)
             : run_backward<float>(a, output, saved, grads, wanted);
}

}  // namespace masked_rnn::recurrence
