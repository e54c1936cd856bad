// The backward pass. The sequences of a batch are groups of which each has sums of its own for the gradients
// of the weights: threads that compute different groups read nothing of each other's.
#include <masked_rnn/csrc/recurrence/backward_group.h>
#include <masked_rnn/csrc/recurrence/layout.h>
#include <masked_rnn/csrc/recurrence/recurrence.h>
#include <masked_rnn/csrc/vec/fetch.h>

#include <deque>
#include <vector>

namespace masked_rnn::recurrence {
namespace {

// Groups of fewer sequences would use a weight that they have read too seldom, and for larger weights the
// sums of two groups have no room in the near caches. (One-hot input's gradient is as large as the
// vocabulary; it is not summed up twice.)
constexpr int64_t kSequencesOfGroup = 16;
constexpr int64_t kLargestWeights = 1 << 18;

// Depends on nothing but the layer and its lengths, as the order of additions does.
std::vector<Slice> group_sequences(const LayerArguments& a, const Schedule& schedule) {
  const int64_t sequences = schedule.num_steps > 0 ? schedule.rows_at(0) : 0;
  const int64_t weights = a.weight_hh.numel() + a.weight_ih.numel();
  const bool two = sequences >= 2 * kSequencesOfGroup && weights <= kLargestWeights && !a.one_hot();
  auto groups = split(schedule, {0, schedule.num_steps}, two ? 2 : 1);
  groups.back().last = schedule.num_sequences;  // those without rows too
  return groups;
}

// Groups have threads of their own where these can be shared out so; else all threads compute one after
// the other.
template <class T>
std::vector<LayerGradients> sums_of_groups(const BackwardBatch<T>& batch,
                                           const std::vector<Slice>& slices) {
  const auto count = static_cast<int64_t>(slices.size());
  const int64_t threads = num_threads();
  const bool apart = count > 1 && threads % count == 0;
  const int64_t of_group = apart ? threads / count : threads;
  std::deque<BackwardGroup<T>> groups;
  std::deque<Team> teams;
  for (const Slice& slice : slices) {
    groups.emplace_back(batch, slice, of_group);
    teams.emplace_back(of_group);
  }
  parallel_team([&](Team& team, int64_t member) {
    batch.prepare(member, team.size());
    team.wait();
    if (!apart) {
      for (const auto& group : groups) {
        group.run(team, member);
      }
    } else if (team.size() == threads) {
      const int64_t i = member / of_group;
      groups[i].run(teams[i], member % of_group);
    } else {  // There are fewer threads than there should be.
      for (int64_t i = member; i < count; i += team.size()) {
        Team alone(1);
        groups[i].run(alone, 0);
      }
    }
  });
  std::vector<LayerGradients> sums;
  for (const auto& group : groups) {
    sums.push_back(group.finish());
  }
  return sums;
}

// Adds the groups' sums to those of the first.
template <class T>
void add_up(const Kernels<T>& k, const std::vector<LayerGradients>& sums) {
  parallel_team([&](Team& team, int64_t member) {
    for (size_t group = 1; group < sums.size(); ++group) {
      for (size_t i = 0; i < sums[0].size(); ++i) {
        const at::Tensor &from = sums[group][i], &to = sums[0][i];
        if (to.defined()) {
          const Range mine = part_of(to.numel(), kLine<T>, member, team.size());
          k.add(mine.last - mine.first,
                from.const_data_ptr<T>() + mine.first,
                to.mutable_data_ptr<T>() + mine.first);
        }
      }
    }
  });
}

template <class T>
LayerGradients run_backward(const LayerArguments& a,
                            const at::Tensor& output,
                            const at::Tensor& saved,
                            const OutputGradients& grads,
                            const WantedMask& wanted) {
  const auto schedule = make_schedule(a);
  const auto groups = group_sequences(a, schedule);
  const bool once = groups.size() == 1 && schedule.num_rows <= kPartRows;
  const BackwardBatch<T> batch(
      a, schedule, output, saved, grads, wanted, once ? WeightUse::kOnce : WeightUse::kOften);
  const auto sums = sums_of_groups(batch, groups);
  if (sums.size() > 1) {
    add_up(batch.k, sums);
  }
  LayerGradients result = sums[0];
  result[kInput] = batch.grad_input;
  result[kH0] = batch.grad_h_0;
  result[kC0] = batch.grad_c_0;
  return result;
}

}  // namespace

LayerGradients backward(const LayerArguments& a,
                        const at::Tensor& output,
                        const at::Tensor& saved,
                        const OutputGradients& grads,
                        const WantedMask& wanted) {
  return a.dtype() == at::kDouble ? run_backward<double>(a, output, saved, grads, wanted)
                                  : run_backward<float>(a, output, saved, grads, wanted);
}

}  // namespace masked_rnn::recurrence
