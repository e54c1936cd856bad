// The forward pass: each thread walks its own sequences through time, with no barrier in between.
#include <ATen/ops/empty.h>
#include <ATen/ops/tensor.h>
#include <masked_rnn/csrc/parallel.h>
#include <masked_rnn/csrc/recurrence/cell_kernels.h>
#include <masked_rnn/csrc/recurrence/input_projection.h>
#include <masked_rnn/csrc/recurrence/recurrence.h>

#include <algorithm>
#include <cstring>

namespace masked_rnn::recurrence {
namespace {

// Rows whose input projection is computed before the recurrence walks them: enough to use each
// packed weight many times, few enough that their gates stay in the second-level cache.
constexpr int64_t kProjectedRows = 128;

template <class T>
struct ForwardPass {
  const LayerArguments& a;
  const Schedule& schedule;
  const LayerResult& result;
  bool save;

  int64_t G, H, P, saved_columns, gates_stride;
  std::vector<T*> output;
  at::Tensor h_0;
  std::vector<const T*> previous;
  InputProjection<T> project;
  PackedWeight<T> weight_hh, weight_hr;
  at::Tensor bias_hn;
  at::Tensor c;  // [B, H] cell state in the schedule's order

  ForwardPass(const LayerArguments& arguments,
              const Schedule& schedule_,
              const LayerResult& result_,
              bool save_)
      : a(arguments),
        schedule(schedule_),
        result(result_),
        save(save_),
        G(num_gates(a.cell)),
        H(a.hidden_size()),
        P(a.output_size()),
        saved_columns(saved_size(a.cell, H)),
        gates_stride(apart(G * H)),
        output(row_pointers<T>(schedule, result.output)),
        h_0(a.h_0.contiguous()),
        previous(previous_pointers<T>(schedule, output, h_0)),
        project(a, schedule),
        weight_hh(pack_transposed<T>(a.weight_hh, G)) {
    if (a.projected()) {
      weight_hr = pack_transposed<T>(a.weight_hr, 1);
    }
    if (a.cell == CellKind::kGru && a.bias_hh.defined()) {
      bias_hn = a.bias_hh.narrow(0, 2 * H, H).contiguous();
    }
    if (a.cell == CellKind::kLstm) {
      c = a.c_0.index_select(0, at::tensor(schedule.order, at::kLong)).contiguous();
    }
  }

  // Rows [first, last) of one step; gates holds their projected input.
  void step(int64_t step, int64_t first, int64_t last, const T* gates, T* h_raw) const {
    const int64_t rows = last - first, j = first - schedule.offsets[step];
    std::vector<T*> raw;
    if (a.projected()) {
      raw.resize(rows);
      for (int64_t r = 0; r < rows; ++r) {
        raw[r] = h_raw + r * H;
      }
    }
    StepArguments<T> s{};
    s.rows = rows;
    s.hidden = H;
    s.depth = P;
    s.h_prev = previous.data() + first;
    s.packed = weight_hh.data();
    s.bias_hn = bias_hn.defined() ? bias_hn.template const_data_ptr<T>() : nullptr;
    s.gates = gates;
    s.gates_stride = gates_stride;
    if (save && saved_columns > 0) {
      s.saved = result.saved.template mutable_data_ptr<T>() + first * saved_columns;
      s.saved_stride = saved_columns;
    }
    if (a.cell == CellKind::kLstm) {
      s.c = c.template mutable_data_ptr<T>() + j * H;
      s.c_stride = H;
    }
    s.h = a.projected() ? raw.data() : output.data() + first;
    cell_kernels<T>(a.cell).step(s);
    if (a.projected()) {
      kernels<T>().product(
          {rows, H, P, raw.data(), weight_hr.data(), nullptr, false, output.data() + first});
    }
  }

  // All steps of some sequences: alternately project a few steps' inputs and walk them.
  void run(Slice slice) const {
    const auto dtype = c10::CppTypeToScalarType<T>::value;
    const auto rows_of = [&](int64_t step) {
      return std::max<int64_t>(0, std::min(slice.last, schedule.rows_at(step)) - slice.first);
    };
    const int64_t width = slice.last - slice.first;
    const auto gates = scratch({kProjectedRows + width, gates_stride}, dtype);
    const auto raw = scratch({a.projected() ? width : 0, H}, dtype);
    T* gates_data = gates.template mutable_data_ptr<T>();
    int64_t step_ = 0;
    while (step_ < schedule.num_steps && rows_of(step_) > 0) {
      int64_t rows = 0, last = step_;
      for (; last < schedule.num_steps && rows < kProjectedRows && rows_of(last) > 0; ++last) {
        const int64_t first_row = schedule.offsets[last] + slice.first;
        project(
            first_row, first_row + rows_of(last), gates_data + rows * gates_stride, gates_stride);
        rows += rows_of(last);
      }
      rows = 0;
      for (; step_ < last; ++step_) {
        const int64_t first_row = schedule.offsets[step_] + slice.first;
        step(step_,
             first_row,
             first_row + rows_of(step_),
             gates_data + rows * gates_stride,
             raw.template mutable_data_ptr<T>());
        rows += rows_of(step_);
      }
    }
  }

  // The states after each sequence's last row.
  void finish() const {
    T* h_n = result.h_n.template mutable_data_ptr<T>();
    for (int64_t j = 0; j < schedule.num_sequences; ++j) {
      const int64_t b = schedule.order[j], length = schedule.lengths[j];
      const T* h = length > 0 ? output[schedule.offsets[length - 1] + j]
                              : h_0.template const_data_ptr<T>() + b * P;
      std::memcpy(h_n + b * P, h, P * sizeof(T));
      if (a.cell == CellKind::kLstm) {
        std::memcpy(result.c_n.template mutable_data_ptr<T>() + b * H,
                    c.template const_data_ptr<T>() + j * H,
                    H * sizeof(T));
      }
    }
  }
};

template <class T>
void run_forward(const LayerArguments& a, const LayerResult& result, bool save) {
  const auto schedule = make_schedule(a);
  const ForwardPass<T> pass(a, schedule, result, save);
  const auto slices = split(schedule, num_threads());
  parallel_tasks(static_cast<int64_t>(slices.size()), [&](int64_t i) { pass.run(slices[i]); });
  pass.finish();
  zero_padding(schedule, result.output);
}

}  // namespace

LayerResult forward(const LayerArguments& a, bool save) {
  const auto options = a.weight_ih.options();
  LayerResult result;
  result.output = at::empty({a.steps(), a.batch(), a.output_size()}, options);
  result.h_n = at::empty({a.batch(), a.output_size()}, options);
  if (a.cell == CellKind::kLstm) {
    result.c_n = at::empty({a.batch(), a.hidden_size()}, options);
  }
  result.saved = save ? scratch({a.steps() * a.batch(), saved_size(a.cell, a.hidden_size())},
                                a.weight_ih.scalar_type())
                      : at::empty({0}, options);
  if (a.weight_ih.scalar_type() == at::kDouble) {
    run_forward<double>(a, result, save);
  } else {
    run_forward<float>(a, result, save);
  }
  return result;
}

}  // namespace masked_rnn::recurrence
