// The forward pass: each thread walks its own sequences through time, with no barrier in between.
#include <masked_rnn/csrc/parallel.h>
#include <masked_rnn/csrc/recurrence/cell_kernels.h>
#include <masked_rnn/csrc/recurrence/input_projection.h>
#include <masked_rnn/csrc/recurrence/recurrence.h>

#include <algorithm>
#include <cstring>
#include <deque>
#include <utility>

namespace masked_rnn::recurrence {
namespace {

// Rows whose input projection is computed before the recurrence walks them: enough to use each
// packed weight many times, few enough that their gates stay in the second-level cache.
constexpr int64_t kProjectedRows = 128;

// What the walk through some sequences throws away.
template <class T>
struct WalkScratch {
  Rows<T> gates;  // [kProjectedRows + sequences, G*H] projected inputs
  Rows<T> h_raw;  // [sequences, H] h before the projection
  std::vector<T*> gate_rows, h_raw_rows;
};

template <class T>
struct ForwardPass {
  const LayerArguments& a;
  const Schedule& schedule;
  const LayerResult& result;
  const bool save;

  const Kernels<T>& k = layer_kernels<T>(a);
  const int64_t G = num_gates(a.cell), H = a.hidden_size(), P = a.output_size();
  Scratch scratch;
  std::vector<T*> output;
  at::Tensor h_0;
  std::vector<const T*> previous;
  const bool together;
  const std::vector<Slice> slices;  // one for each thread, or for all together
  InputProjection<T> project;
  PackedWeight<T> weight_hh, weight_hr;
  at::Tensor bias_hh;
  const T* bias_hn = nullptr;
  Rows<T> c;      // [B, H] cell state in the schedule's order
  Rows<T> saved;  // [N, saved_size]
  const bool save_past_caches =
      H % k.lanes == 0 &&
      is_far(static_cast<size_t>(schedule.num_rows * saved_size(a.cell, H)) * sizeof(T));
  std::vector<WalkScratch<T>> walk_scratch;  // of each slice

  ForwardPass(const LayerArguments& arguments,
              const Schedule& schedule_,
              const LayerResult& result_,
              bool save_,
              int64_t threads)
      : a(arguments),
        schedule(schedule_),
        result(result_),
        save(save_),
        output(row_pointers<T>(schedule, result.output)),
        h_0(a.h_0.contiguous()),
        previous(previous_pointers<T>(schedule, output, h_0)),
        together(share_out_units(a, schedule, threads)),
        slices(together ? std::vector<Slice>{{0, schedule.num_sequences}}
                        : split(schedule, {0, schedule.num_steps}, threads)),
        project(a, schedule, use_of_weight_ih()),
        weight_hh(PackedWeight<T>::transposed(k, k.by_step, a.weight_hh, G, use_of_steps())) {
    if (a.projected()) {
      weight_hr = PackedWeight<T>::transposed(k, k.by_step, a.weight_hr, 1, use_of_steps());
    }
    if (a.cell == CellKind::kGru && a.bias_hh.defined()) {
      bias_hh = a.bias_hh.contiguous();
      bias_hn = bias_hh.const_data_ptr<T>() + 2 * H;
    }
    if (a.cell == CellKind::kLstm) {
      c = in_order<T>(schedule, a.c_0, scratch);
    }
    if (save && saved_size(a.cell, H) > 0) {
      saved = rows_of<T>(result.saved);
    }
    for (const Slice& slice : slices) {
      walk_scratch.push_back(scratch_for(slice));
    }
  }

  // Without gradients the same weights may well come again.
  WeightUse use_of_steps() const { return save ? WeightUse::kOften : WeightUse::kAgain; }

  WeightUse use_of_weight_ih() const {
    const bool once = slices.size() == 1 && schedule.num_rows <= kProjectedRows;
    return save && once ? WeightUse::kOnce : use_of_steps();
  }

  // Some hidden units of rows [first, last) of one step; gates holds their projected input.
  void step(int64_t step,
            int64_t first,
            int64_t last,
            Range units,
            const T* gates,
            const WalkScratch<T>& own) const {
    const int64_t rows = last - first, j = first - schedule.offsets[step];
    StepArguments<T> s{};
    s.rows = rows;
    s.hidden = H;
    s.first = units.first;
    s.last = units.last;
    s.depth = P;
    s.h_prev = previous.data() + first;
    s.packed = weight_hh.data();
    s.bias_hn = bias_hn;
    s.gates = gates;
    s.gates_stride = own.gates.stride;
    if (saved) {
      s.saved = saved[first];
      s.saved_stride = saved.stride;
      s.save_past_caches = save_past_caches;
    }
    if (c) {
      s.c = c[j];
      s.c_stride = c.stride;
    }
    s.backwards = step % 2 != 0;
    s.packed_is_cold = weight_hh.is_cold();
    s.h = a.projected() ? own.h_raw_rows.data() : output.data() + first;
    cell_kernels<T>(k, a.cell).step(s);
    if (a.projected()) {
      ProductArguments<T> p = weight_hr.times({0, P});
      p.rows = rows;
      p.a = own.h_raw_rows.data();
      p.c = output.data() + first;
      k.by_step.product(p);
    }
  }

  int64_t rows_of_step(int64_t step, Slice slice) const {
    if (step >= schedule.num_steps) {
      return 0;
    }
    return std::max<int64_t>(0, std::min(slice.last, schedule.rows_at(step)) - slice.first);
  }

  WalkScratch<T> scratch_for(Slice slice) {
    const int64_t width = slice.last - slice.first;
    WalkScratch<T> own;
    own.gates = scratch.rows<T>(kProjectedRows + width, G * H);
    own.gate_rows = own.gates.pointers(kProjectedRows + width);
    if (a.projected()) {
      own.h_raw = scratch.rows<T>(width, H);
      own.h_raw_rows = own.h_raw.pointers(width);
    }
    return own;
  }

  // The rows of as many steps from `step` on as are projected at a time; `step` becomes the first one
  // that is not among them.
  std::vector<int64_t> rows_to_project(int64_t& step, Slice slice) const {
    std::vector<int64_t> rows;
    rows.reserve(kProjectedRows + slice.last - slice.first);
    for (; static_cast<int64_t>(rows.size()) < kProjectedRows; ++step) {
      const int64_t count = rows_of_step(step, slice);
      if (count == 0) {
        break;
      }
      for (int64_t i = 0; i < count; ++i) {
        rows.push_back(schedule.offsets[step] + slice.first + i);
      }
    }
    return rows;
  }

  // All steps of some sequences: alternately project a few steps' inputs and walk them.
  void walk(Slice slice, const WalkScratch<T>& own) const {
    for (int64_t walked = 0, projected = 0; rows_of_step(walked, slice) > 0;) {
      project(rows_to_project(projected, slice), {0, G * H}, own.gate_rows.data());
      for (int64_t row = 0; walked < projected; ++walked) {
        const int64_t first = schedule.offsets[walked] + slice.first;
        const int64_t count = rows_of_step(walked, slice);
        step(walked, first, first + count, {0, H}, own.gates[row], own);
        row += count;
      }
    }
  }

  // The same on all sequences by threads that share out the hidden units, and the columns to project.
  void walk_together(Team& team, int64_t member) const {
    const Slice all = slices[0];
    const WalkScratch<T>& shared = walk_scratch[0];
    const Range units = part_of(H, k.by_step.block_units(G), member, team.size());
    const Range columns = part_of(G * H, k.by_batch.block_units(1), member, team.size());
    for (int64_t walked = 0, projected = 0; rows_of_step(walked, all) > 0;) {
      project(rows_to_project(projected, all), columns, shared.gate_rows.data());
      team.wait();
      for (int64_t row = 0; walked < projected; ++walked) {
        const int64_t first = schedule.offsets[walked], count = schedule.rows_at(walked);
        step(walked, first, first + count, units, shared.gates[row], shared);
        row += count;
        team.wait();
      }
    }
  }

  void run(Team& team, int64_t member) const {
    for (const auto* weight : {&project.weight(), &weight_hh, &weight_hr}) {
      weight->pack(member, team.size());
    }
    zero_padding(k, schedule, result.output, member, team.size());
    team.wait();
    if (together) {
      return walk_together(team, member);
    }
    // One slice each, unless there are fewer threads than there should be.
    for (size_t i = member; i < slices.size(); i += team.size()) {
      walk(slices[i], walk_scratch[i]);
    }
  }

  // What later calls may use, and the states after each sequence's last row.
  void finish() const {
    for (const auto* weight : {&project.weight(), &weight_hh, &weight_hr}) {
      weight->keep();
    }
    const auto h_n = rows_of<T>(result.h_n);
    const T* initial = h_0.template const_data_ptr<T>();
    for (int64_t j = 0; j < schedule.num_sequences; ++j) {
      const int64_t b = schedule.order[j], length = schedule.lengths[j];
      const T* h = length > 0 ? output[schedule.offsets[length - 1] + j] : initial + b * P;
      std::memcpy(h_n[b], h, P * sizeof(T));
    }
    if (c) {
      const auto c_n = rows_of<T>(result.c_n);
      for (int64_t j = 0; j < schedule.num_sequences; ++j) {
        std::memcpy(c_n[schedule.order[j]], c[j], H * sizeof(T));
      }
    }
  }
};

// A direction's pass, and what it refers to.
template <class T>
struct ForwardDirection {
  const LayerResult result;
  ForwardPass<T> pass;

  ForwardDirection(const LayerArguments& a,
                   const Schedule& schedule,
                   LayerResult result_,
                   bool save,
                   int64_t threads)
      : result(std::move(result_)), pass(a, schedule, result, save, threads) {}
};

template <class T>
void run_forward(c10::ArrayRef<LayerArguments> directions, const LayerResult& joint, bool save) {
  const auto schedules = make_schedules(directions);
  const auto count = static_cast<int64_t>(directions.size());
  const int64_t threads = num_threads_for(count * multiply_adds(directions[0], schedules[0]));
  const int64_t at_once = Jobs::can_be_apart(count, threads) ? count : 1;
  for (int64_t first = 0; first < count; first += at_once) {
    Jobs jobs(at_once, threads);
    std::deque<ForwardDirection<T>> running;
    for (int64_t i = first; i < first + at_once; ++i) {
      const LayerResult result{side_by_side(joint.output, i, count),
                               one_of(joint.h_n, i, count),
                               one_of(joint.c_n, i, count),
                               one_of(joint.saved, i, count)};
      running.emplace_back(directions[i], schedules[i], result, save, jobs.threads_of_each());
    }
    jobs.run([&](int64_t job, Team& team, int64_t member) { running[job].pass.run(team, member); });
    for (const auto& direction : running) {
      direction.pass.finish();
    }
  }
}

}  // namespace

LayerResult forward(c10::ArrayRef<LayerArguments> directions, bool save) {
  const LayerArguments& a = directions[0];
  const auto dtype = a.dtype();
  const auto count = static_cast<int64_t>(directions.size());
  const auto for_each = [&](int64_t rows, int64_t size) {
    return count == 1 ? recycled_empty({rows, size}, dtype)
                      : recycled_empty({count, rows, size}, dtype);
  };
  LayerResult result;
  result.output = recycled_empty({a.steps(), a.batch(), count * a.output_size()}, dtype);
  result.h_n = for_each(a.batch(), a.output_size());
  if (a.cell == CellKind::kLstm) {
    result.c_n = for_each(a.batch(), a.hidden_size());
  }
  result.saved = save ? for_each(a.steps() * a.batch(), saved_size(a.cell, a.hidden_size()))
                      : recycled_empty({0}, dtype);
  if (dtype == at::kDouble) {
    run_forward<double>(directions, result, save);
  } else {
    run_forward<float>(directions, result, save);
  }
  return result;
}

}  // namespace masked_rnn::recurrence
