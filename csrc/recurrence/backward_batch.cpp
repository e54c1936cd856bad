// See backward_batch.h.
#include <masked_rnn/csrc/recurrence/backward_batch.h>
#include <masked_rnn/csrc/recurrence/cell_kernels.h>
#include <masked_rnn/csrc/recurrence/layout.h>

namespace masked_rnn::recurrence {
namespace {

WeightUse use_of_steps(const Schedule& schedule) {
  const bool single = schedule.num_steps > 0 && schedule.rows_at(0) == 1;
  return single ? WeightUse::kBySingleRows : WeightUse::kOften;
}

}  // namespace

template <class T>
BackwardBatch<T>::BackwardBatch(const LayerArguments& a_,
                                const Schedule& schedule_,
                                const at::Tensor& output_,
                                const at::Tensor& saved_,
                                const OutputGradients& grads_,
                                const WantedMask& wanted_,
                                WeightUse use_of_weight_ih)
    : a(a_),
      schedule(schedule_),
      wanted(wanted_),
      k(layer_kernels<T>(a)),
      output(with_contiguous_rows(output_)),
      saved(saved_.contiguous()),
      h_0(a.h_0.contiguous()),
      c_0(a.cell == CellKind::kLstm ? a.c_0.contiguous() : at::Tensor()),
      grads(grads_),
      weight_hh(PackedWeight<T>::plain(
          k.by_step, a.weight_hh, {0, a.weight_hh.size(0)}, use_of_steps(schedule))) {
  if (grads.output.defined()) {
    grads.output = with_contiguous_rows(grads.output);
  }
  for (at::Tensor* state : {&grads.h_n, &grads.c_n}) {
    if (state->defined()) {
      *state = state->contiguous();
    }
  }
  const int64_t H = a.hidden_size(), P = a.output_size();
  if (a.projected()) {
    weight_hr = PackedWeight<T>::plain(k.by_step, a.weight_hr, {0, P}, use_of_steps(schedule));
  }
  if (wanted[kInput]) {
    const bool gru = a.cell == CellKind::kGru;
    const int64_t joint = gru ? 2 * H : a.weight_ih.size(0);
    weight_ih = PackedWeight<T>::plain(k.by_batch, a.weight_ih, {0, joint}, use_of_weight_ih);
    if (gru) {
      weight_ih_n =
          PackedWeight<T>::plain(k.by_batch, a.weight_ih, {2 * H, 3 * H}, use_of_weight_ih);
    }
    grad_input = recycled_empty({a.steps(), a.batch(), a.input_size()}, a.dtype());
  }
  if (wanted[kH0]) {
    grad_h_0 = recycled_empty({a.batch(), P}, a.dtype());
  }
  if (wanted[kC0]) {
    grad_c_0 = recycled_empty({a.batch(), H}, a.dtype());
  }
}

template <class T>
void BackwardBatch<T>::pack(int64_t member, int64_t size) const {
  for (const auto* weight : {&weight_hh, &weight_hr, &weight_ih, &weight_ih_n}) {
    weight->pack(member, size);
  }
}

template struct BackwardBatch<float>;
template struct BackwardBatch<double>;

}  // namespace masked_rnn::recurrence
