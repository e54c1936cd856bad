// See schedules.h.
#include <c10/util/Exception.h>
#include <masked_rnn/csrc/recurrence/schedules.h>

#include <algorithm>
#include <utility>

namespace masked_rnn {
namespace {

// Both directions of two batches, say those that a model translates from and to, of so many numbers
// together: 8 MiB.
constexpr size_t kKeptSchedules = 4;
constexpr int64_t kKeptNumbers = int64_t{1} << 20;

ScheduleKey key_of_mask(const LayerArguments& a) {
  ScheduleKey key{a.reverse, a.steps(), a.batch()};
  key.mask.resize(key.steps * key.batch);
  const auto* data = reinterpret_cast<const char*>(a.mask.const_data_ptr<bool>());
  const int64_t stride_t = a.mask.stride(0), stride_b = a.mask.stride(1);
  char* to = key.mask.data();
  for (int64_t t = 0; t < key.steps; ++t, to += key.batch) {
    const char* from = data + t * stride_t;
    if (stride_b == 1) {
      std::copy_n(from, key.batch, to);
      continue;
    }
    for (int64_t b = 0; b < key.batch; ++b) {
      to[b] = from[b * stride_b];
    }
  }
  return key;
}

ScheduleKey key_of_lengths(const LayerArguments& a) {
  const int64_t T = a.steps(), B = a.batch();
  ScheduleKey key{a.reverse, T, B, std::vector<int64_t>(B, T)};
  if (!a.lengths.defined()) {
    return key;
  }
  const bool plain = a.lengths.scalar_type() == at::kLong && a.lengths.is_contiguous();
  const auto given = plain ? a.lengths : a.lengths.to(at::kLong).contiguous();
  const int64_t* values = given.const_data_ptr<int64_t>();
  for (int64_t b = 0; b < B; ++b) {
    TORCH_CHECK_VALUE(values[b] >= 0 && values[b] <= T,
                      "masked_rnn::",
                      layer_name(a.cell),
                      ": expected `lengths` to be in 0..",
                      T,
                      " (the number of steps), but got ",
                      values[b],
                      " for sequence ",
                      b);
    key.lengths[b] = values[b];
  }
  return key;
}

Schedule make(const ScheduleKey& key) {
  if (!key.lengths.empty()) {
    return schedule_from_lengths(key.lengths.data(), key.batch, key.reverse);
  }
  const auto* mask = reinterpret_cast<const bool*>(key.mask.data());
  return schedule_from_mask(mask, key.batch, 1, key.steps, key.batch, key.reverse);
}

// Never destroyed: threads may compute until the process ends.
ScheduleCache& the_cache() {
  static ScheduleCache& cache = *new ScheduleCache;
  return cache;
}

}  // namespace

const Shares& BatchSchedule::shares(int64_t count) const {
  const std::lock_guard lock(mutex_);
  return shares_.try_emplace(count, whole_, count).first->second;
}

std::shared_ptr<const BatchSchedule> ScheduleCache::find_or_make(ScheduleKey key) {
  {
    const std::lock_guard lock(mutex_);
    const auto found =
        std::find_if(kept_.begin(), kept_.end(), [&](const Kept& kept) { return kept.key == key; });
    if (found != kept_.end()) {
      std::rotate(kept_.begin(), found, std::next(found));
      return kept_.front().schedule;
    }
  }
  const auto made = std::make_shared<const BatchSchedule>(make(key), key.steps);
  if (made->size() > kKeptNumbers) {
    return made;
  }
  const std::lock_guard lock(mutex_);
  kept_.insert(kept_.begin(), {std::move(key), made});
  int64_t numbers = 0;
  const auto too_many = std::find_if(kept_.begin(), kept_.end(), [&](const Kept& kept) {
    numbers += kept.schedule->size();
    return numbers > kKeptNumbers;
  });
  kept_.erase(too_many, kept_.end());
  kept_.resize(std::min(kept_.size(), kKeptSchedules));
  return made;
}

void ScheduleCache::clear() {
  const std::lock_guard lock(mutex_);
  kept_.clear();
}

std::shared_ptr<const BatchSchedule> schedule_of(const LayerArguments& a) {
  return the_cache().find_or_make(a.mask.defined() ? key_of_mask(a) : key_of_lengths(a));
}

BatchSchedules schedules_of(c10::ArrayRef<LayerArguments> directions) {
  BatchSchedules schedules;
  schedules.reserve(directions.size());
  for (const auto& a : directions) {
    schedules.push_back(schedule_of(a));
  }
  return schedules;
}

void forget_schedules() { the_cache().clear(); }

}  // namespace masked_rnn
