// See backward_group.h.
#include <masked_rnn/csrc/recurrence/backward_group.h>
#include <masked_rnn/csrc/recurrence/caches.h>
#include <masked_rnn/csrc/recurrence/cell_kernels.h>

#include <algorithm>
#include <cstring>

namespace masked_rnn::recurrence {
namespace {

// Rows of a part, of so many bytes of gates each: enough to use each packed weight many times, few enough
// that the gates' gradients stay in the second-level cache. Where they are small, there is room for
// more, and threads meet less often; where a step has more, too, so that what it has beyond a part is not
// much to carry over to the next. Matrix tiles are filled by multiples of these.
int64_t part_rows(const Schedule& schedule, size_t bytes) {
  const bool large_steps = schedule.num_steps > 0 && schedule.rows_at(0) > kPartRows;
  return are_small(bytes) || large_steps ? 2 * kPartRows : kPartRows;
}

int64_t rows_of_largest(const std::vector<Part>& parts) {
  int64_t most = 0;
  for (const Part& part : parts) {
    most = std::max(most, part.last - part.first);
  }
  return most;
}

// Rows of a part's first step that stand before the part, at most.
int64_t rows_before(const std::vector<Part>& parts, const Schedule& schedule) {
  int64_t most = 0;
  for (const Part& part : parts) {
    most = std::max(most, part.first - schedule.offsets[part.steps.first]);
  }
  return most;
}

// What decides whether rows are fetched ahead: what a cell saved, or where that is nothing, the output and its
// gradient, which it reads instead.
int64_t size_of_fetched(CellKind cell, int64_t hidden_size) {
  const int64_t saved = saved_size(cell, hidden_size);
  return saved > 0 ? saved : 2 * hidden_size;
}

// Some columns of a row; zeros if there are no rows.
template <class T>
void copy_or_zero(const Rows<const T>& from, int64_t row, Range columns, T* to) {
  const size_t bytes = (columns.last - columns.first) * sizeof(T);
  if (from) {
    std::memcpy(to + columns.first, from[row] + columns.first, bytes);
  } else {
    std::memset(to + columns.first, 0, bytes);
  }
}

}  // namespace

template <class T>
BackwardGroup<T>::BackwardGroup(const BackwardBatch<T>& batch,
                                const Schedule& share,
                                int64_t index,
                                int64_t threads,
                                int64_t most_threads)
    : batch_(batch),
      schedule(share),
      first_stage_(index * kStagesOfGroup),
      output(row_pointers<T>(schedule, batch.output)),
      saved(saved_pointers<T>(schedule, batch.saved)),
      previous(previous_pointers<T>(schedule, output, batch.h_0)),
      grad_h(scratch.rows<T>(B, P)),
      grad_h_rows(grad_h.pointers(B)),
      together(share_out_units(a, batch.schedule, threads)),
      cold(are_cold<T>(batch.schedule.num_rows, saved_size(a.cell, H) + 2 * H)),
      fetch_ahead(are_far<T>(batch.schedule.num_rows, size_of_fetched(a.cell, H)) &&
                  !are_cold<T>(2 * B, size_of_fetched(a.cell, H))),
      parts(parts_of_rows(
          schedule, part_rows(schedule, static_cast<size_t>(gate_columns(a.cell, H)) * sizeof(T)))),
      gates(std::min<size_t>(parts.size(), most_threads > 1 ? 2 : 1)),
      input_gradient(batch, schedule),
      weights(a,
              schedule,
              batch.schedule.num_rows,
              previous,
              batch.wanted,
              rows_of_largest(parts),
              most_threads,
              scratch) {
  const OutputGradients& grads = batch.grads;
  if (grads.output.defined()) {
    grad_output = row_pointers<const T>(schedule, grads.output);
  }
  if (grads.h_n.defined()) {
    grad_h_n = {grads.h_n.const_data_ptr<T>(), P};
  }
  if (a.cell == CellKind::kLstm) {
    previous_c = previous_pointers<T>(schedule, saved, batch.c_0, 4 * H);
    grad_c = scratch.rows<T>(B, H);
    if (grads.c_n.defined()) {
      grad_c_n = {grads.c_n.const_data_ptr<T>(), H};
    }
  }
  if (a.projected()) {
    grad_raw = scratch.rows<T>(B, H);
    grad_raw_rows = grad_raw.pointers(B);
  }
  for (auto& part : gates) {
    make_room(part);
  }
}

// For any part, and what its first step has before it.
template <class T>
void BackwardGroup<T>::make_room(GateGradients<T>& part) {
  const int64_t rows = rows_of_largest(parts), before = rows_before(parts, schedule);
  const int64_t all = before + rows;
  part.gates = scratch.rows<T>(all, gate_columns(a.cell, H)).from(before);
  part.rows = scratch.array<const T*>(all) + before;
  for (int64_t row = -before; row < rows; ++row) {
    part.rows[row] = part.gates[row];
  }
  if (a.projected() && batch_.wanted[kWeightHr]) {
    part.h_raw = scratch.rows<T>(all, H).from(before);
    part.grad_projected = scratch.rows<T>(all, P).from(before);
  }
}

template <class T>
GateGradients<T> BackwardGroup<T>::of_part(size_t i) const {
  GateGradients<T> result = gates[i <= alone_ ? 0 : (i - alone_) % gates.size()];
  result.first = parts[i].first;
  result.count = parts[i].last - parts[i].first;
  return result;
}

// What has been computed of a part's rows along with the part before it in the parts' order.
template <class T>
void BackwardGroup<T>::carry_over(size_t i, int64_t member, int64_t size) const {
  if (i == 0) {
    return;
  }
  const GateGradients<T> from = of_part(i - 1), to = of_part(i);
  const int64_t first = schedule.offsets[parts[i].steps.last];
  const Range mine = part_of(parts[i].last - first, /*unit=*/1, member, size);
  const auto copy = [&](const Rows<T>& before, const Rows<T>& now, int64_t columns) {
    for (int64_t row = first + mine.first; now && row < first + mine.last; ++row) {
      std::memcpy(now[row - to.first], before[row - from.first], columns * sizeof(T));
    }
  };
  copy(from.gates, to.gates, gate_columns(a.cell, H));
  copy(from.h_raw, to.h_raw, H);
  copy(from.grad_projected, to.grad_projected, P);
}

// The chain begins, for sequences that end at this step, with the gradients of their final states.
template <class T>
void BackwardGroup<T>::begin(int64_t step, Slice rows, Range units) const {
  const int64_t going_on = step + 1 < schedule.num_steps ? schedule.rows_at(step + 1) : 0;
  for (int64_t j = std::max(rows.first, going_on); j < rows.last; ++j) {
    const int64_t b = schedule.order[j];
    copy_or_zero(grad_h_n, b, a.projected() ? Range{0, P} : units, grad_h[j]);
    if (grad_c) {
      copy_or_zero(grad_c_n, b, units, grad_c[j]);
    }
  }
}

// The gradient of h before the projection, for which both parts of that of h are needed at once.
template <class T>
void BackwardGroup<T>::unproject(const GateGradients<T>& part, int64_t step, Slice rows) const {
  for (int64_t j = rows.first; j < rows.last; ++j) {
    const int64_t row = schedule.offsets[step] + j;
    if (!grad_output.empty()) {
      k.add(P, grad_output[row], grad_h[j]);
    }
    if (part.grad_projected) {
      std::memcpy(part.grad_projected[row - part.first], grad_h[j], P * sizeof(T));
    }
  }
  ProductArguments<T> p = batch_.weight_hr.times({0, H});
  p.rows = rows.last - rows.first;
  p.a = grad_h_rows.data() + rows.first;
  p.c = grad_raw_rows.data() + rows.first;
  k.by_step.product(p);
}

// From the gradient of h at a step to those of the gates of some hidden units.
template <class T>
void BackwardGroup<T>::cell(const GateGradients<T>& part,
                            int64_t step,
                            Slice rows,
                            Range units) const {
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
    s.c_prev = previous_c.data() + first;
    if (part.h_raw) {
      s.h_raw = part.h_raw[first - part.first];
      s.h_raw_stride = part.h_raw.stride;
    }
  }
  if (!saved.empty()) {
    s.saved = saved.data() + first;
  }
  s.h_prev = previous.data() + first;
  s.h = output.data() + first;
  s.cold = cold;
  if (step > 0) {
    s.earlier = schedule.offsets[step - 1] - schedule.offsets[step];
  }
  s.grad_gates = part.gates[first - part.first];
  s.grad_gates_stride = part.gates.stride;
  cell_kernels<T>(k, a.cell).step_backward(s);
}

// From the gates' gradients to those of some units of h before the step, of which row j begins at
// grad_h_before[j]: by `product`, which is the same for all steps but for its rows.
template <class T>
void BackwardGroup<T>::through_weight_hh(const GateGradients<T>& part,
                                         int64_t step,
                                         Slice rows,
                                         ProductArguments<T>& product,
                                         T* const* grad_h_before) const {
  product.rows = rows.last - rows.first;
  product.a = part.rows + schedule.offsets[step] + rows.first - part.first;
  product.accumulate = a.cell == CellKind::kGru;  // to h's direct part
  product.c = grad_h_before + rows.first;
  product.backwards = step % 2 != 0;
  k.by_step.product(product);
}

// The rows that are fetched during a step's product: of what is saved, those of two steps before it, for the
// LSTM's c of one step is read along with the gates of the next; where nothing is saved, of the output's gradient.
// (Both together take longer.)
template <class T>
NextRows<T> BackwardGroup<T>::read_next(int64_t step, Slice slice) const {
  if (!fetch_ahead || step < 2) {
    return {};
  }
  const int64_t first = schedule.offsets[step - 2] + slice.first;
  const int64_t count = std::min(slice.last, schedule.rows_at(step - 2)) - slice.first;
  if (!saved.empty()) {
    return {saved.data() + first, count, saved_size(a.cell, H)};
  }
  return grad_output.empty() ? NextRows<T>{} : NextRows<T>{grad_output.data() + first, count, P};
}

// The chain through a part's steps, on sequences of its own.
template <class T>
void BackwardGroup<T>::chain(const GateGradients<T>& part,
                             Steps steps,
                             Slice slice,
                             PaddingZeros<T>& zeros) const {
  ProductArguments<T> product = batch_.weight_hh.times({0, P});
  for (int64_t t = steps.last - 1; t >= steps.first; --t) {
    const Slice here{slice.first, std::min(slice.last, schedule.rows_at(t))};
    if (here.last > here.first) {
      cell(part, t, here, {0, H});
      product.next = read_next(t, slice);
      through_weight_hh(part, t, here, product, grad_h_rows.data());
    }
    zeros.write(schedule.num_steps - t, schedule.num_steps);
  }
}

// The same on all sequences by threads that share out the hidden units. Each reads the gradient of h
// of its own units only.
template <class T>
void BackwardGroup<T>::chain_together(const GateGradients<T>& part,
                                      Steps steps,
                                      Team& team,
                                      Range units,
                                      T* const* grad_h_before) const {
  ProductArguments<T> product = batch_.weight_hh.times(units);
  for (int64_t t = steps.last - 1; t >= steps.first; --t) {
    const Slice all{0, schedule.rows_at(t)};
    cell(part, t, all, units);
    team.wait();
    through_weight_hh(part, t, all, product, grad_h_before);
  }
}

template <class T>
void BackwardGroup<T>::run(Team& team, int64_t member, int64_t stage, PaddingZeros<T>& zeros) {
  const Range units = part_of(H, k.by_step.block_units(1), member, team.size());
  const auto grad_h_before = grad_h.pointers(B, together ? units.first : 0);
  const int64_t count = parts.size(), from = std::max(stage, first_stage_) - first_stage_;
  for (int64_t i = from / 2; i < count; ++i) {
    const Steps steps = parts[i].steps;
    const int64_t here = first_stage_ + 2 * i;
    if (stage <= here) {
      if (team.size() == 1) {
        team.wait_and_let_in(here);
        if (team.size() == 1) {  // (Who has been let in reads it.)
          alone_ = i;
        }
      }
      const GateGradients<T> part = of_part(i);
      carry_over(i, member, team.size());
      if (together) {
        chain_together(part, steps, team, units, grad_h_before.data());
        team.wait();
      } else {
        chain(part, steps, split(schedule, steps, team.size())[member], zeros);
        team.wait_and_let_in(here + 1);
      }
    }
    const GateGradients<T> part = of_part(i);
    if (input_gradient.is_wanted()) {
      input_gradient(
          part, member, team.size(), fetch_ahead ? weights.read_next(part) : NextRows<T>{});
    }
    weights.add(part, member, team.size());
  }
}

// What is left of the chain, or the final state's own gradient where there were no steps.
template <class T>
void BackwardGroup<T>::initial_gradient(const Rows<T>& chain,
                                        const Rows<const T>& final_grad,
                                        const at::Tensor& result) const {
  const auto rows = rows_of<T>(result);
  const int64_t size = result.size(1);
  for (int64_t j = 0; j < B; ++j) {
    const int64_t b = schedule.order[j];
    if (schedule.lengths[j] > 0) {
      std::memcpy(rows[b], chain[j], size * sizeof(T));
    } else {
      copy_or_zero(final_grad, b, {0, size}, rows[b]);
    }
  }
}

template <class T>
LayerGradients BackwardGroup<T>::finish() const {
  if (batch_.wanted[kH0]) {
    initial_gradient(grad_h, grad_h_n, batch_.grad_h_0);
  }
  if (batch_.wanted[kC0]) {
    initial_gradient(grad_c, grad_c_n, batch_.grad_c_0);
  }
  LayerGradients sums;
  weights.finish(sums);
  return sums;
}

template class BackwardGroup<float>;
template class BackwardGroup<double>;

}  // namespace masked_rnn::recurrence
