// The schedules of the batches computed lately: every layer, direction and pass of a model asks for the
// same ones.
#pragma once

#include <masked_rnn/csrc/layer.h>
#include <masked_rnn/csrc/schedule.h>

#include <map>
#include <memory>
#include <mutex>
#include <utility>
#include <vector>

namespace masked_rnn {

// A batch's schedule, its padding, and the shares of it that somebody has asked for.
class BatchSchedule {
 public:
  BatchSchedule(Schedule schedule, int64_t steps)
      : whole_(std::move(schedule)), padding_(padding_of(whole_, steps)) {}

  const Schedule& whole() const { return whole_; }
  const Padding& padding() const { return padding_; }

  // Numbers that it holds, about, and as many more for each kind of shares.
  int64_t size() const {
    return 2 * (whole_.num_rows + static_cast<int64_t>(padding_.runs.size())) +
           static_cast<int64_t>(padding_.runs_before.size());
  }

  // Live as long as this one.
  const Shares& shares(int64_t count) const;

 private:
  const Schedule whole_;
  const Padding padding_;
  mutable std::mutex mutex_;
  mutable std::map<int64_t, Shares> shares_;  // by their count
};

// What tells one schedule from another.
struct ScheduleKey {
  bool reverse;
  int64_t steps, batch;
  std::vector<int64_t> lengths{};  // [B]; none of a mask
  std::vector<char> mask{};        // [T, B]
  bool operator==(const ScheduleKey&) const = default;
};

// Keeps what has been used last, up to bounds that leave room for a few batches. Any thread may ask.
class ScheduleCache {
 public:
  std::shared_ptr<const BatchSchedule> find_or_make(ScheduleKey key);
  void clear();

 private:
  struct Kept {
    ScheduleKey key;
    std::shared_ptr<const BatchSchedule> schedule;
  };
  std::mutex mutex_;
  std::vector<Kept> kept_;  // the last used ones first
};

// The schedule of a layer's lengths or mask. Throws c10::Error when a length is not in 0..T.
std::shared_ptr<const BatchSchedule> schedule_of(const LayerArguments& arguments);

// Of each direction.
using BatchSchedules = std::vector<std::shared_ptr<const BatchSchedule>>;
BatchSchedules schedules_of(c10::ArrayRef<LayerArguments> directions);

// Gives back what is kept.
void forget_schedules();

}  // namespace masked_rnn
