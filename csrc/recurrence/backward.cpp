// The backward pass. The sequences of a batch are groups of which each has sums of its own for the gradients
// of the weights: threads that compute different groups read nothing of each other's.
#include <masked_rnn/csrc/recurrence/backward_group.h>
#include <masked_rnn/csrc/recurrence/cell_kernels.h>
#include <masked_rnn/csrc/recurrence/layout.h>
#include <masked_rnn/csrc/recurrence/recurrence.h>
#include <masked_rnn/csrc/recurrence/schedules.h>
#include <masked_rnn/csrc/vec/fetch.h>

#include <deque>
#include <optional>
#include <utility>
#include <vector>

namespace masked_rnn::recurrence {
namespace {

// Groups of fewer sequences would use a weight that they have read too seldom, and for larger weights the
// sums of two groups have no room in the near caches. (One-hot input's gradient is as large as the
// vocabulary; it is not summed up twice.)
constexpr int64_t kSequencesOfGroup = 16;
constexpr int64_t kLargestWeights = 1 << 18;

// Pairs of equally large tensors: what is to be added, and to what.
using Additions = std::vector<std::pair<at::Tensor, at::Tensor>>;

// Depends on nothing but the layer and its lengths, as the order of additions does.
int64_t number_of_groups(const LayerArguments& a, const Schedule& schedule) {
  const int64_t sequences = schedule.num_steps > 0 ? schedule.rows_at(0) : 0;
  const int64_t weights = a.weight_hh.numel() + a.weight_ih.numel();
  const bool two = sequences >= 2 * kSequencesOfGroup && weights <= kLargestWeights && !a.one_hot();
  return two ? 2 : 1;
}

// A direction's pass.
template <class T>
class BackwardDirection {
 public:
  BackwardDirection(const LayerArguments& a,
                    const BatchSchedule& schedule,
                    const at::Tensor& output,
                    const at::Tensor& saved,
                    const OutputGradients& grads,
                    const WantedMask& wanted,
                    const Jobs& jobs)
      : schedule_(schedule.whole()),
        padding_(schedule.padding()),
        shares_(schedule.shares(number_of_groups(a, schedule_))),
        batch_(a, schedule_, output, saved, grads, wanted, use_of_weight_ih()),
        jobs_(shares_.size(), jobs.threads_of_each(), jobs.most_of_each()),
        groups_(shares_.size()) {}

  int64_t num_groups() const { return shares_.size(); }

  // To be called for each group before run().
  void make_group(int64_t i) {
    groups_[i].emplace(batch_, shares_[i], i, jobs_.threads_of_each(), jobs_.most_of_each());
  }

  // By each member of the team from the beginning, or by who is let in from a later stage on.
  void run(Team& team, int64_t member, int64_t stage) {
    if (stage == 0) {
      batch_.pack(member, team.size());
      team.wait();
    }
    PaddingZeros<T> zeros(
        batch_.k, padding_, stage == 0 ? batch_.grad_input : at::Tensor(), member, team.size());
    jobs_.run(
        team, member, stage, [&](int64_t job, Team& own, int64_t member_of_own, int64_t from) {
          groups_[job]->run(own, member_of_own, from, zeros);
        });
    zeros.write_all();
  }

  // What is left to be added: the sums of other groups, to those of the first, which it returns.
  LayerGradients finish(Additions& additions) const {
    LayerGradients result = groups_[0]->finish();
    for (size_t group = 1; group < groups_.size(); ++group) {
      const auto sums = groups_[group]->finish();
      for (size_t i = 0; i < sums.size(); ++i) {
        if (sums[i].defined()) {
          additions.emplace_back(sums[i], result[i]);
        }
      }
    }
    result[kInput] = batch_.grad_input;
    result[kH0] = batch_.grad_h_0;
    result[kC0] = batch_.grad_c_0;
    return result;
  }

 private:
  WeightUse use_of_weight_ih() const {
    const bool once = shares_.size() == 1 && schedule_.num_rows <= kPartRows;
    return once ? WeightUse::kOnce : WeightUse::kOften;
  }

  const Schedule& schedule_;
  const Padding& padding_;
  const Shares& shares_;
  const BackwardBatch<T> batch_;
  Jobs jobs_;
  std::vector<std::optional<BackwardGroup<T>>> groups_;
};

template <class T>
void add_up(const Kernels<T>& k, int64_t threads, const Additions& additions) {
  parallel_team(threads, [&](Team& team, int64_t member) {
    for (const auto& [from, to] : additions) {
      const Range mine = part_of(to.numel(), kLine<T>, member, team.size());
      k.add(mine.last - mine.first,
            from.template const_data_ptr<T>() + mine.first,
            to.template mutable_data_ptr<T>() + mine.first);
    }
  });
}

template <class T>
std::vector<LayerGradients> run_backward(c10::ArrayRef<LayerArguments> directions,
                                         const at::Tensor& output,
                                         const at::Tensor& saved,
                                         const OutputGradients& grads,
                                         c10::ArrayRef<WantedMask> wanted) {
  const auto schedules = schedules_of(directions);
  const auto count = static_cast<int64_t>(directions.size());
  const int64_t threads =
      num_threads_for(count * multiply_adds(directions[0], schedules[0]->whole()));
  const int64_t at_once = Jobs::can_be_apart(count, threads) ? count : 1;
  const int64_t num_rows = at_once * schedules[0]->whole().num_rows;
  std::vector<LayerGradients> results;
  Additions additions;
  for (int64_t first = 0; first < count; first += at_once) {
    Jobs jobs(at_once, threads);
    std::deque<BackwardDirection<T>> running;
    for (int64_t i = first; i < first + at_once; ++i) {
      const OutputGradients of_direction{
          side_by_side(grads.output, i, count), one_of(grads.h_n, i), one_of(grads.c_n, i)};
      running.emplace_back(directions[i],
                           *schedules[i],
                           side_by_side(output, i, count),
                           one_of(saved, i),
                           of_direction,
                           wanted[i],
                           jobs);
    }
    const int64_t groups = running[0].num_groups();
    for_each_at_once(at_once * groups, threads_for_pointers(num_rows, threads), [&](int64_t i) {
      running[i / groups].make_group(i % groups);
    });
    jobs.run([&](int64_t job, Team& team, int64_t member, int64_t stage) {
      running[job].run(team, member, stage);
    });
    for (const auto& direction : running) {
      results.push_back(direction.finish(additions));
    }
  }
  for (int64_t i = 1; i < count; ++i) {
    if (results[i][kInput].defined()) {
      additions.emplace_back(std::exchange(results[i][kInput], at::Tensor()), results[0][kInput]);
    }
  }
  if (!additions.empty()) {
    add_up(layer_kernels<T>(directions[0]), threads, additions);
  }
  return results;
}

}  // namespace

std::vector<LayerGradients> backward(c10::ArrayRef<LayerArguments> directions,
                                     const at::Tensor& output,
                                     const at::Tensor& saved,
                                     const OutputGradients& grads,
                                     c10::ArrayRef<WantedMask> wanted) {
  return directions[0].dtype() == at::kDouble
             ? run_backward<double>(directions, output, saved, grads, wanted)
             : run_backward<float>(directions, output, saved, grads, wanted);
}

}  // namespace masked_rnn::recurrence
