// The forward pass: each thread walks its own sequences through time, with no barrier in between. When it is
// done, it helps another one with what is left.
#include <masked_rnn/csrc/parallel.h>
#include <masked_rnn/csrc/recurrence/cell_kernels.h>
#include <masked_rnn/csrc/recurrence/projected_rows.h>
#include <masked_rnn/csrc/recurrence/recurrence.h>
#include <masked_rnn/csrc/recurrence/schedules.h>
#include <masked_rnn/csrc/recurrence/walk.h>

#include <algorithm>
#include <array>
#include <cstring>
#include <deque>
#include <optional>
#include <utility>

namespace masked_rnn::recurrence {
namespace {

// Steps of a single sequence from which on weight_ih is packed before them, for them to compute its product
// ahead, even if it is not used again. (Of fewer, each of its blocks is packed when it is multiplied.)
constexpr int64_t kStepsAhead = 32;

template <class T>
struct ForwardPass {
  const LayerArguments& a;
  const Schedule& schedule;
  const Padding& padding;
  const LayerResult& result;
  const bool save;

  const Kernels<T>& k = layer_kernels<T>(a);
  const int64_t G = num_gates(a.cell), H = a.hidden_size(), P = a.output_size();
  at::Tensor h_0;
  const bool together;
  const bool can_be_ahead = InputProjection<T>::can_be_ahead(a);
  const Shares& shares;                       // one for each thread, or for all together
  std::vector<std::optional<Walk<T>>> walks;  // of each share
  Jobs jobs;                                  // to walk them
  InputProjection<T> project;
  PackedWeight<T> weight_hh, weight_hr;
  at::Tensor bias_hh;
  const T* bias_hn = nullptr;
  const int64_t saved_columns = save ? saved_size(a.cell, H) : 0;
  const bool save_past_caches = H % k.lanes == 0 && are_far<T>(schedule.num_rows, saved_columns);
  // (With what the pass reads and writes besides.)
  const bool output_is_cold =
      are_far<T>(schedule.num_rows, (a.one_hot() ? 0 : a.input_size()) + saved_columns + P);

  ForwardPass(const LayerArguments& arguments,
              const BatchSchedule& batch,
              const LayerResult& result_,
              bool save_,
              int64_t threads,
              int64_t most_threads)
      : a(arguments),
        schedule(batch.whole()),
        padding(batch.padding()),
        result(result_),
        save(save_),
        h_0(a.h_0.contiguous()),
        together(share_out_units(a, schedule, threads)),
        shares(batch.shares(together ? 1 : threads)),
        walks(shares.size()),
        jobs(walks.size(), threads, most_threads),
        project(a, schedule, use_of_weight_ih()),
        weight_hh(transposed(a.weight_hh, G)) {
    if (a.projected()) {
      weight_hr = transposed(a.weight_hr, 1);
    }
    if (a.cell == CellKind::kGru && a.bias_hh.defined()) {
      bias_hh = a.bias_hh.contiguous();
      bias_hn = bias_hh.const_data_ptr<T>() + 2 * H;
    }
  }

  // Without gradients the same weights may well come again; but a single row is multiplied with one sooner than it
  // is recognised.
  WeightUse use_of(const at::Tensor& weight, const Products<T>& products) const {
    if (schedule.num_rows == 1 && products.reads_rows && weight.stride(1) == 1) {
      return WeightUse::kBySingleRows;
    }
    return save ? WeightUse::kOften : WeightUse::kAgain;
  }

  // One that steps multiply.
  PackedWeight<T> transposed(const at::Tensor& weight, int64_t gates) const {
    return PackedWeight<T>::transposed(k, k.by_step, weight, gates, use_of(weight, k.by_step));
  }

  WeightUse use_of_weight_ih() const {
    const bool once = walks.size() == 1 && schedule.num_rows <= kProjectedRows;
    const bool by_steps =
        can_be_ahead && schedule.num_sequences == 1 && schedule.num_steps >= kStepsAhead;
    return save && once && !by_steps ? WeightUse::kOnce : use_of(a.weight_ih, k.by_batch);
  }

  std::array<const PackedWeight<T>*, 3> weights() const {
    return {&project.weight(), &weight_hh, &weight_hr};
  }

  // Some hidden units of some rows of one step; gates holds their projected input. A single row computes some
  // of `ahead`, if there is any.
  void step(const Walk<T>& walk,
            int64_t step,
            Slice rows,
            Range units,
            const T* gates,
            ProductAhead<T>* ahead) const {
    const int64_t first = walk.schedule.offsets[step] + rows.first;
    StepArguments<T> s{};
    s.rows = rows.last - rows.first;
    s.hidden = H;
    s.first = units.first;
    s.last = units.last;
    s.depth = P;
    s.h_prev = step == 0 ? walk.initial.data() + rows.first
                         : walk.output.data() + walk.schedule.offsets[step - 1] + rows.first;
    s.packed = weight_hh.data();
    s.weight = weight_hh.weight();
    s.bias_hn = bias_hn;
    s.gates = gates;
    s.gates_stride = walk.gates.stride;
    if (!walk.saved.empty()) {
      s.saved = walk.saved.data() + first;
      s.save_past_caches = save_past_caches;
    }
    if (walk.c) {
      s.c = walk.c[rows.first];
      s.c_stride = walk.c.stride;
    }
    s.backwards = step % 2 != 0;
    s.packed_is_cold = weight_hh.is_cold();
    s.h_is_cold = output_is_cold && !a.projected();
    s.ahead = ahead;
    s.h = a.projected() ? walk.h_raw_rows.data() + rows.first : walk.output.data() + first;
    cell_kernels<T>(k, a.cell).step(s);
    if (a.projected()) {
      ProductArguments<T> p = weight_hr.times({0, P});
      p.rows = s.rows;
      p.a = walk.h_raw_rows.data() + rows.first;
      p.c = walk.output.data() + first;
      k.by_step.product(p);
    }
  }

  // To be called for each share before run().
  void make_walk(int64_t share) { walks[share].emplace(a, shares[share], result, h_0, project); }

  // As many steps from `step` on as are projected at once, before they are walked: the first one that is not
  // among them.
  int64_t after_projected(const Schedule& s, int64_t step) const {
    const int64_t first = s.offsets[step];
    while (step < s.num_steps && s.offsets[step] - first < kProjectedRows) {
      ++step;
    }
    return step;
  }

  // Projects some columns of some rows, of which gates holds those from `first` on: most of them while the steps
  // of a single row are walked, if that is for them alone to do.
  ProjectedRows<T> project_rows(
      const Walk<T>& walk, int64_t first, Range rows, Range columns, bool by_steps) const {
    return {project,
            walk.input,
            first + rows.first,
            first + rows.last,
            columns,
            walk.gate_rows.data() + rows.first,
            by_steps && can_be_ahead && !project.weight().is_read_by_products()};
  }

  // Some sequences: by turns, a few steps' inputs are projected, and the steps walked, by each member of a team
  // those of its own sequences. Stages are steps.
  void walk_apart(const Walk<T>& walk,
                  Team& team,
                  int64_t member,
                  int64_t stage,
                  PaddingZeros<T>& zeros) const {
    const Schedule& s = walk.schedule;
    for (int64_t walked = stage; walked < s.num_steps;) {
      if (walked > stage) {
        team.wait_and_let_in(walked);
      }
      const int64_t projected = after_projected(s, walked), first = s.offsets[walked];
      const int64_t count = s.offsets[projected] - first;
      const Range rows = part_of(count, kRowsOfTiles, member, team.size());
      const bool by_steps = team.size() == 1 && s.rows_at(walked) == 1;
      auto rows_of_steps = project_rows(walk, first, rows, {0, G * H}, by_steps);
      team.wait();
      const Slice mine = split(s, {walked, projected}, team.size())[member];
      for (; walked < projected; ++walked) {
        const Slice here{mine.first, std::min(mine.last, s.rows_at(walked))};
        if (here.last > here.first) {
          step(walk,
               walked,
               here,
               {0, H},
               walk.gates[s.offsets[walked] - first + here.first],
               rows_of_steps.ahead());
        }
        rows_of_steps.complete(s.offsets[walked + 1] - first + 1);
        zeros.write(walked + 1, s.num_steps);
      }
    }
  }

  // The same on all sequences by threads that share out the hidden units, and the columns to project.
  void walk_together(const Walk<T>& walk, Team& team, int64_t member) const {
    const Schedule& s = walk.schedule;
    const Range units = part_of(H, k.by_step.block_units(G), member, team.size());
    const Range columns = part_of(G * H, k.by_batch.block_units(1), member, team.size());
    for (int64_t walked = 0; walked < s.num_steps;) {
      const int64_t projected = after_projected(s, walked), first = s.offsets[walked];
      const bool by_steps = s.rows_at(walked) == 1;
      auto rows_of_steps =
          project_rows(walk, first, {0, s.offsets[projected] - first}, columns, by_steps);
      team.wait();
      for (; walked < projected; ++walked) {
        step(walk,
             walked,
             {0, s.rows_at(walked)},
             units,
             walk.gates[s.offsets[walked] - first],
             rows_of_steps.ahead());
        rows_of_steps.complete(s.offsets[walked + 1] - first + 1);
        team.wait();
      }
    }
  }

  // By each member of the team from the beginning, or by who is let in from a later stage on.
  void run(Team& team, int64_t member, int64_t stage) {
    if (stage == 0) {
      for (const auto* weight : weights()) {
        weight->pack(member, team.size());
      }
      team.wait();
    }
    PaddingZeros<T> zeros(
        k, padding, stage == 0 ? result.output : at::Tensor(), member, team.size());
    jobs.run(team, member, stage, [&](int64_t job, Team& own, int64_t member_of_own, int64_t from) {
      if (together) {
        walk_together(*walks[job], own, member_of_own);
      } else {
        walk_apart(*walks[job], own, member_of_own, from, zeros);
      }
    });
    zeros.write_all();
  }

  // What later calls may use, and the states after each sequence's last row.
  void finish() const {
    for (const auto* weight : weights()) {
      weight->keep();
    }
    for (const auto& walk : walks) {
      final_states(*walk);
    }
  }

  void final_states(const Walk<T>& walk) const {
    const Schedule& s = walk.schedule;
    const auto h_n = rows_of<T>(result.h_n);
    for (int64_t j = 0; j < s.num_sequences; ++j) {
      const int64_t b = s.order[j], length = s.lengths[j];
      const T* h = length > 0 ? walk.output[s.offsets[length - 1] + j] : walk.initial[j];
      std::memcpy(h_n[b], h, P * sizeof(T));
    }
    if (walk.c) {
      const auto c_n = rows_of<T>(result.c_n);
      for (int64_t j = 0; j < s.num_sequences; ++j) {
        std::memcpy(c_n[s.order[j]], walk.c[j], H * sizeof(T));
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
                   const BatchSchedule& schedule,
                   LayerResult result_,
                   bool save,
                   const Jobs& jobs)
      : result(std::move(result_)),
        pass(a, schedule, result, save, jobs.threads_of_each(), jobs.most_of_each()) {}
};

template <class T>
void run_forward(c10::ArrayRef<LayerArguments> directions,
                 const BatchSchedules& schedules,
                 const LayerResult& joint,
                 bool save) {
  const auto count = static_cast<int64_t>(directions.size());
  const int64_t threads =
      num_threads_for(count * multiply_adds(directions[0], schedules[0]->whole()));
  const int64_t at_once = Jobs::can_be_apart(count, threads) ? count : 1;
  const int64_t num_rows = at_once * schedules[0]->whole().num_rows;
  for (int64_t first = 0; first < count; first += at_once) {
    Jobs jobs(at_once, threads);
    std::deque<ForwardDirection<T>> running;
    for (int64_t i = first; i < first + at_once; ++i) {
      const LayerResult result{side_by_side(joint.output, i, count),
                               one_of(joint.h_n, i),
                               one_of(joint.c_n, i),
                               one_of(joint.saved, i)};
      running.emplace_back(directions[i], *schedules[i], result, save, jobs);
    }
    const int64_t shares = running[0].pass.shares.size();
    for_each_at_once(at_once * shares, threads_for_pointers(num_rows, threads), [&](int64_t i) {
      running[i / shares].pass.make_walk(i % shares);
    });
    jobs.run([&](int64_t job, Team& team, int64_t member, int64_t stage) {
      running[job].pass.run(team, member, stage);
    });
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
  const auto schedules = schedules_of(directions);
  LayerResult result;
  result.output = recycled_empty({a.steps(), a.batch(), count * a.output_size()}, dtype);
  result.h_n = recycled_empty({count, a.batch(), a.output_size()}, dtype);
  if (a.cell == CellKind::kLstm) {
    result.c_n = recycled_empty({count, a.batch(), a.hidden_size()}, dtype);
  }
  if (save) {
    const int64_t rows = a.steps() * a.batch(), size = saved_size(a.cell, a.hidden_size());
    const std::array<int64_t, 3> sizes{count, rows, size};
    const int64_t used_rows = (count - 1) * rows + schedules[0]->whole().num_rows;
    result.saved =
        recycled_empty(at::IntArrayRef(sizes).slice(count == 1 ? 1 : 0), dtype, used_rows * size);
  } else {
    result.saved = recycled_empty({0}, dtype);
  }
  if (dtype == at::kDouble) {
    run_forward<double>(directions, schedules, result, save);
  } else {
    run_forward<float>(directions, schedules, result, save);
  }
  return result;
}

}  // namespace masked_rnn::recurrence
