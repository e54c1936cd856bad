// The only door to threads: PyTorch's own pool, so that torch::set_num_threads holds.
#pragma once

#include <atomic>
#include <cstdint>
#include <deque>
#include <functional>

namespace masked_rnn {

// How many threads a region may use here: 1 inside another parallel region.
int64_t num_threads();

// How many of them are worth the time that they take to begin and to end, for so much to compute.
int64_t num_threads_for(int64_t multiply_adds);

// Threads that all run at the same time and may wait for each other.
class Team {
 public:
  explicit Team(int64_t size) : size_(size) {}
  int64_t size() const { return size_; }

  // Returns when all members have called it as often as this one; what they wrote before is seen
  // after. They spin, since they wait for less than a microsecond.
  void wait();

 private:
  const int64_t size_;
  std::atomic<int64_t> arrived_{0};
  std::atomic<int64_t> rounds_{0};
};

// Runs body(team, member) on each of the team's threads, `threads` of them, at most num_threads(), or as
// many as there are. It must not throw.
void parallel_team(int64_t threads, const std::function<void(Team&, int64_t)>& body);

// Calls body(i) for each i in [0, count), `threads` of them at once. It may call operations on tensors, which
// find the caller's modes (of gradients, say). It may throw, which ends no other call; one of what they threw
// is thrown here.
void for_each_at_once(int64_t count, int64_t threads, const std::function<void(int64_t)>& body);

// Jobs of a team that need nothing of each other: each has threads of its own where these can be shared
// out so; else all threads do one after the other.
class Jobs {
 public:
  // Of a team of so many threads, or fewer if there are fewer than there should be.
  Jobs(int64_t count, int64_t threads);

  static bool can_be_apart(int64_t count, int64_t threads) {
    return count > 1 && threads % count == 0;
  }

  int64_t threads_of_each() const { return of_each_; }

  // body(job, team, member) by each member of a job's own threads.
  using Body = std::function<void(int64_t, Team&, int64_t)>;

  // Begins the team, and does all jobs. The body must not throw.
  void run(const Body& body);

  // Called by each member of a team that has begun.
  void run(Team& team, int64_t member, const Body& body);

 private:
  const int64_t count_, threads_, of_each_;
  std::deque<Team> teams_;  // none where jobs are done one after the other
};

// Part i of 0..count, shared out among `parts`, each part but the last a multiple of `unit`.
struct Range {
  int64_t first, last;
};
constexpr Range part_of(int64_t count, int64_t unit, int64_t i, int64_t parts) {
  const int64_t units = (count + unit - 1) / unit;
  const int64_t first = units * i / parts * unit, last = units * (i + 1) / parts * unit;
  return {first < count ? first : count, last < count ? last : count};
}

}  // namespace masked_rnn
