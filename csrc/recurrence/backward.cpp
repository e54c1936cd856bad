// The backward pass, by parts of a few hundred rows from the last step to the first: the reverse chain
// on each thread's own sequences, then, while the gates' gradients are in the caches, those of the
// input and the weights.
#include <ATen/ops/zeros.h>
#include <ATen/ops/zeros_like.h>
#include <masked_rnn/csrc/parallel.h>
#include <masked_rnn/csrc/recurrence/cell_kernels.h>
#include <masked_rnn/csrc/recurrence/layout.h>
#include <masked_rnn/csrc/recurrence/packed_weight.h>
#include <masked_rnn/csrc/recurrence/recurrence.h>
#include <masked_rnn/csrc/recurrence/weight_gradients.h>

#include <algorithm>
#include <cstring>

namespace masked_rnn::recurrence {
namespace {

// Rows of a part: enough to use each packed weight many times.
constexpr int64_t kPartRows = 512;

int64_t most_rows(const Schedule& schedule, const std::vector<Steps>& parts) {
  int64_t most = 0;
  for (const Steps& part : parts) {
    most = std::max(most, schedule.offsets[part.last] - schedule.offsets[part.first]);
  }
  return most;
}

template <class T>
struct BackwardPass {
  const LayerArguments& a;
  const Schedule& schedule;
  const WantedMask& wanted;

  const Kernels<T>& k = layer_kernels<T>(a);
  const int64_t H = a.hidden_size(), P = a.output_size(), B = schedule.num_sequences;
  at::Tensor output_tensor, h_0, grad_output_tensor, input_gradient_tensor;
  std::vector<T*> output;
  std::vector<const T*> previous, grad_output;
  PackedWeight<T> weight_hh, weight_hr, weight_ih, weight_ih_n;
  Rows<T> saved;               // [N, saved_size]
  Rows<T> grad_h_n, grad_c_n;  // [B, P] and [B, H] in the caller's order
  Rows<T> c_0;                 // [B, H] in the schedule's order, as every state below
  Rows<T> grad_h;              // [B, P]
  Rows<T> grad_c;              // [B, H]
  Rows<T> grad_raw;            // [B, H] gradient of the LSTM's h before the projection
  std::vector<T*> grad_h_rows, grad_raw_rows, grad_input_rows;
  const bool together;  // do threads share out hidden units?
  std::vector<Steps> parts;
  int64_t most;            // rows of a part
  GateGradients<T> gates;  // of one part
  std::vector<const T*> gate_rows;
  WeightGradients<T> weights;

  BackwardPass(const LayerArguments& arguments,
               const Schedule& schedule_,
               const at::Tensor& output_,
               const at::Tensor& saved_,
               const OutputGradients& grads,
               const WantedMask& wanted_)
      : a(arguments),
        schedule(schedule_),
        wanted(wanted_),
        output_tensor(with_contiguous_rows(output_)),
        h_0(a.h_0.contiguous()),
        output(row_pointers<T>(schedule, output_tensor)),
        previous(previous_pointers<T>(schedule, output, h_0)),
        weight_hh(PackedWeight<T>::plain(k, a.weight_hh)),
        saved(rows_of<T>(saved_)),
        grad_h_n(rows_of<T>(grads.h_n.defined() ? grads.h_n.contiguous() : at::zeros_like(h_0))),
        grad_h(scratch_rows<T>(B, P)),
        grad_h_rows(grad_h.pointers(B)),
        together(share_out_units(a, schedule)),
        parts(parts_of_rows(schedule, kPartRows)),
        most(most_rows(schedule, parts)),
        weights(a, schedule, previous, wanted, most) {
    gates.gates = scratch_rows<T>(most, gate_columns(a.cell, H));
    gate_rows = gates.gates.template pointers<const T>(most);
    if (grads.output.defined()) {
      grad_output_tensor = with_contiguous_rows(grads.output);
      grad_output = row_pointers<const T>(schedule, grad_output_tensor);
    }
    if (a.cell == CellKind::kLstm) {
      c_0 = in_order<T>(schedule, a.c_0);
      grad_c_n = rows_of<T>(grads.c_n.defined() ? grads.c_n.contiguous()
                                                : at::zeros({B, H}, h_0.options()));
      grad_c = scratch_rows<T>(B, H);
    }
    if (a.projected()) {
      weight_hr = PackedWeight<T>::plain(k, a.weight_hr);
      grad_raw = scratch_rows<T>(B, H);
      grad_raw_rows = grad_raw.pointers(B);
      if (wanted[kWeightHr]) {
        gates.h_raw = scratch_rows<T>(most, H);
        gates.grad_projected = scratch_rows<T>(most, P);
      }
    }
    if (wanted[kInput]) {
      if (a.cell == CellKind::kGru) {
        weight_ih = PackedWeight<T>::plain(k, a.weight_ih.narrow(0, 0, 2 * H));
        weight_ih_n = PackedWeight<T>::plain(k, a.weight_ih.narrow(0, 2 * H, H));
      } else {
        weight_ih = PackedWeight<T>::plain(k, a.weight_ih);
      }
      input_gradient_tensor =
          recycled_empty({a.steps(), a.batch(), a.input_size()}, a.weight_ih.scalar_type());
      grad_input_rows = row_pointers<T>(schedule, input_gradient_tensor);
    }
  }

  // The chain begins, for sequences that end at this step, with the gradients of their final states.
  void begin(int64_t step, Slice rows, Range units) const {
    const int64_t going_on = step + 1 < schedule.num_steps ? schedule.rows_at(step + 1) : 0;
    const auto copy = [&](const T* from, T* to, Range columns) {
      std::memcpy(
          to + columns.first, from + columns.first, (columns.last - columns.first) * sizeof(T));
    };
    for (int64_t j = std::max(rows.first, going_on); j < rows.last; ++j) {
      const int64_t b = schedule.order[j];
      copy(grad_h_n[b], grad_h[j], a.projected() ? Range{0, P} : units);
      if (grad_c) {
        copy(grad_c_n[b], grad_c[j], units);
      }
    }
  }

  // The gradient of h before the projection, for which both parts of that of h are needed at once.
  void unproject(const GateGradients<T>& part, int64_t step, Slice rows) const {
    for (int64_t j = rows.first; j < rows.last; ++j) {
      const int64_t row = schedule.offsets[step] + j;
      if (!grad_output.empty()) {
        k.add(P, grad_output[row], grad_h[j]);
      }
      if (part.grad_projected) {
        std::memcpy(part.grad_projected[row - part.first], grad_h[j], P * sizeof(T));
      }
    }
    k.product({rows.last - rows.first,
               P,
               H,
               grad_h_rows.data() + rows.first,
               weight_hr.data(),
               nullptr,
               /*accumulate=*/false,
               grad_raw_rows.data() + rows.first});
  }

  // From the gradient of h at a step to those of the gates of some hidden units.
  void cell(const GateGradients<T>& part, int64_t step, Slice rows, Range units) const {
    const int64_t first = schedule.offsets[step] + rows.first;
    begin(step, rows, units);
    if (a.projected()) {
      unproject(part, step, rows);
    }

    StepBackwardArguments<T> s{};
    s.rows = rows.last - rows.first;
    s.hidden = H;
    s.first = units.first;
    s.last = units.last;
    const Rows<T>& grad = a.projected() ? grad_raw : grad_h;
    s.grad_h = grad[rows.first];
    s.grad_h_stride = grad.stride;
    if (!a.projected() && !grad_output.empty()) {
      s.grad_output = grad_output.data() + first;
    }
    if (a.cell == CellKind::kLstm) {
      s.grad_c = grad_c[rows.first];
      s.grad_c_stride = grad_c.stride;
      const bool start = step == 0;
      s.c_prev = start ? c_0[rows.first] : saved[schedule.offsets[step - 1] + rows.first] + 4 * H;
      s.c_prev_stride = start ? c_0.stride : saved.stride;
      if (part.h_raw) {
        s.h_raw = part.h_raw[first - part.first];
        s.h_raw_stride = part.h_raw.stride;
      }
    }
    s.saved = saved[first];
    s.saved_stride = saved.stride;
    s.h_prev = previous.data() + first;
    s.h = output.data() + first;
    s.grad_gates = part.gates[first - part.first];
    s.grad_gates_stride = part.gates.stride;
    cell_kernels<T>(k, a.cell).step_backward(s);
  }

  // From the gates' gradients to those of some units of h before the step, of which row j begins at
  // grad_h_before[j].
  void through_weight_hh(const GateGradients<T>& part,
                         int64_t step,
                         Slice rows,
                         Range units,
                         T* const* grad_h_before) const {
    const int64_t depth = a.weight_hh.size(0);
    k.product({rows.last - rows.first,
               depth,
               units.last - units.first,
               gate_rows.data() + schedule.offsets[step] + rows.first - part.first,
               weight_hh.data() + k.packed_size(depth, units.first, 1),
               nullptr,
               /*accumulate=*/a.cell == CellKind::kGru,  // to h's direct part
               grad_h_before + rows.first,
               /*backwards=*/step % 2 != 0});
  }

  // Of the rows [rows.first, rows.last) of a part.
  void input_gradient(const GateGradients<T>& part, Range rows) const {
    const int64_t count = rows.last - rows.first, I = a.input_size();
    const T* const* from = gate_rows.data() + rows.first;
    T* const* to = grad_input_rows.data() + part.first + rows.first;
    const bool gru = a.cell == CellKind::kGru;
    const int64_t depth = gru ? 2 * H : a.weight_ih.size(0);
    k.product({count, depth, I, from, weight_ih.data(), nullptr, /*accumulate=*/false, to});
    if (gru) {
      std::vector<const T*> n(count);
      for (int64_t i = 0; i < count; ++i) {
        n[i] = from[i] + 3 * H;
      }
      k.product({count, H, I, n.data(), weight_ih_n.data(), nullptr, /*accumulate=*/true, to});
    }
  }

  // The chain through a part's steps, on sequences of its own.
  void chain(const GateGradients<T>& part, Steps steps, Slice slice) const {
    for (int64_t t = steps.last - 1; t >= steps.first; --t) {
      const Slice here{slice.first, std::min(slice.last, schedule.rows_at(t))};
      if (here.last > here.first) {
        cell(part, t, here, {0, H});
        through_weight_hh(part, t, here, {0, P}, grad_h_rows.data());
      }
    }
  }

  // The same on all sequences by threads that share out the hidden units. Each reads the gradient of h
  // of its own units only.
  void chain_together(const GateGradients<T>& part,
                      Steps steps,
                      Team& team,
                      Range units,
                      T* const* grad_h_before) const {
    for (int64_t t = steps.last - 1; t >= steps.first; --t) {
      const Slice all{0, schedule.rows_at(t)};
      cell(part, t, all, units);
      team.wait();
      through_weight_hh(part, t, all, units, grad_h_before);
    }
  }

  void run(Team& team, int64_t member) const {
    const Range units = part_of(H, k.block_units(1), member, team.size());
    const auto grad_h_before = grad_h.pointers(B, together ? units.first : 0);
    for (const auto* weight : {&weight_hh, &weight_hr, &weight_ih, &weight_ih_n}) {
      weight->pack(member, team.size());
    }
    if (wanted[kInput]) {
      zero_padding(schedule, input_gradient_tensor, member, team.size());
    }
    team.wait();
    GateGradients<T> part = gates;
    for (const Steps& steps : parts) {
      part.first = schedule.offsets[steps.first];
      part.count = schedule.offsets[steps.last] - part.first;
      if (together) {
        chain_together(part, steps, team, units, grad_h_before.data());
      } else {
        chain(part, steps, split(schedule, steps, team.size())[member]);
      }
      team.wait();
      weights.prepare(part, member, team.size());
      team.wait();
      if (wanted[kInput]) {
        input_gradient(part, part_of(part.count, /*unit=*/1, member, team.size()));
      }
      weights.add(part, member, team.size());
      team.wait();
    }
  }

  // Gradient of an initial state: what is left of the chain, or the final state's own gradient where
  // there were no steps.
  at::Tensor initial_gradient(const Rows<T>& chain, const Rows<T>& final_grad) const {
    auto result = recycled_empty(final_grad.storage.sizes(), final_grad.storage.scalar_type());
    const auto rows = rows_of<T>(result);
    for (int64_t j = 0; j < B; ++j) {
      const int64_t b = schedule.order[j];
      const T* from = schedule.lengths[j] > 0 ? chain[j] : final_grad[b];
      std::memcpy(rows[b], from, result.size(1) * sizeof(T));
    }
    return result;
  }
};

template <class T>
LayerGradients run_backward(const LayerArguments& a,
                            const at::Tensor& output,
                            const at::Tensor& saved,
                            const OutputGradients& grads,
                            const WantedMask& wanted) {
  const auto schedule = make_schedule(a);
  const BackwardPass<T> pass(a, schedule, output, saved.contiguous(), grads, wanted);
  parallel_team([&](Team& team, int64_t member) { pass.run(team, member); });

  LayerGradients result;
  if (wanted[kInput]) {
    result[kInput] = pass.input_gradient_tensor;
  }
  if (wanted[kH0]) {
    result[kH0] = pass.initial_gradient(pass.grad_h, pass.grad_h_n);
  }
  if (wanted[kC0]) {
    result[kC0] = pass.initial_gradient(pass.grad_c, pass.grad_c_n);
  }
  pass.weights.finish(result);
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
