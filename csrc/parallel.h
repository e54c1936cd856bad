// The only door to threads: PyTorch's own pool, so that torch::set_num_threads holds.
#pragma once

#include <atomic>
#include <cstdint>
#include <deque>
#include <functional>
#include <optional>

namespace masked_rnn {

// How many threads a region may use here: 1 inside another parallel region.
int64_t num_threads();

// How many of them are worth the time that they take to begin and to end, for so much to compute.
int64_t num_threads_for(int64_t multiply_adds);

// Threads that all run at the same time and may wait for each other. Others may come to help, where the members
// say so, up to some number.
class Team {
 public:
  explicit Team(int64_t size) : Team(size, size) {}
  Team(int64_t size, int64_t most) : first_size_(size), most_(most), size_(size) {}
  int64_t size() const { return size_; }

  // Returns when all members have called it as often as this one; what they wrote before is seen
  // after. They spin, since they wait for less than a microsecond.
  void wait() { wait_for_all(/*stage=*/0); }

  // The same, and who has come to help is a member from then on: it begins with stage `stage`, from 1 on, of
  // what the team does.
  void wait_and_let_in(int64_t stage) { wait_for_all(stage); }

  // By a member that has no such stage before it: who comes is let in no more.
  void close();

  // Of somebody who has been let in.
  struct Helper {
    int64_t member, stage;
  };

  // By a thread that has nothing left to do: waits until it is let in. None where there is no room or no need.
  std::optional<Helper> help();

 private:
  void wait_for_all(int64_t stage);

  const int64_t first_size_, most_;
  int64_t size_;
  int64_t stage_ = 0;  // where the last ones began who were let in
  std::atomic<int64_t> arrived_{0};
  std::atomic<int64_t> rounds_{0};
  std::atomic<int64_t> come_{0};  // to help, or kClosed
  std::atomic<int64_t> let_in_{0};
};

// Runs body(team, member) on each of the team's threads, `threads` of them, at most num_threads(), or as
// many as there are. It must not throw.
void parallel_team(int64_t threads, const std::function<void(Team&, int64_t)>& body);

// Calls body(i) for each i in [0, count), `threads` of them at once. It may call operations on tensors, which
// find the caller's modes (of gradients, say). It may throw, which ends no other call; one of what they threw
// is thrown here.
void for_each_at_once(int64_t count, int64_t threads, const std::function<void(int64_t)>& body);

// Jobs of a team that need nothing of each other: each has threads of its own where these can be shared
// out so, and those that are done with theirs help with others; else all threads do one after the other.
class Jobs {
 public:
  // Of a team of so many threads, or fewer if there are fewer than there should be, and of at most so many when
  // others have come to help.
  Jobs(int64_t count, int64_t threads) : Jobs(count, threads, threads) {}
  Jobs(int64_t count, int64_t threads, int64_t most);

  static bool can_be_apart(int64_t count, int64_t threads) {
    return count > 1 && threads % count == 0;
  }

  int64_t threads_of_each() const { return of_each_; }
  int64_t most_of_each() const { return most_of_each_; }

  // body(job, team, member, stage) by each member of a job's threads: the job from its beginning, stage 0, or
  // from the stage on at which the member was let in. The team may do other jobs, too: a stage that is none of
  // this one's is before all or behind all of them.
  using Body = std::function<void(int64_t, Team&, int64_t, int64_t)>;

  // Begins the team, and does all jobs. The body must not throw.
  void run(const Body& body);

  // Called by each member of a team that has begun, or who has been let in with `stage`.
  void run(Team& team, int64_t member, int64_t stage, const Body& body);

 private:
  void help(int64_t job, const Body& body);

  const int64_t count_, threads_, of_each_, most_of_each_;
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
