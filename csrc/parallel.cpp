// The only door to threads; see parallel.h.
#include <ATen/Parallel.h>
#include <ATen/ThreadLocalState.h>
#include <masked_rnn/csrc/parallel.h>
#include <omp.h>

#include <algorithm>
#include <cstdlib>
#include <exception>
#include <optional>
#include <thread>
#include <vector>

#if defined(__x86_64__)
#include <immintrin.h>
#endif
#if defined(__SANITIZE_THREAD__)
#include <sanitizer/tsan_interface.h>
#endif

namespace masked_rnn {
namespace {

// What a thread must have to multiply, some 10 us of it, to be worth its beginning and its end: measured
// with two threads on layers of 25 steps, 16 sequences and 32 or 64 units. Tests choose less.
int64_t least_work() {
  const char* chosen = std::getenv("MASKED_RNN_LEAST_WORK");
  return chosen != nullptr ? std::max(1LL, std::atoll(chosen)) : int64_t{1} << 20;
}

// Where there are more threads than processors, the one that is waited for may not be running.
constexpr int kSpins = 10'000;

// Instead of how many have come to help.
constexpr int64_t kClosed = -1;

void pause() {
#if defined(__x86_64__)
  _mm_pause();
#endif
}

template <class Condition>
void spin_until(const Condition& is_true) {
  for (int spins = 0; !is_true(); ++spins) {
    if (spins < kSpins) {
      pause();
    } else {
      std::this_thread::yield();
    }
  }
}

// What a thread has written past the caches is seen by all who see what it writes next.
void drain() {
#if defined(__x86_64__)
  _mm_sfence();
#endif
}

// A team's threads, from where they begin to where they have ended.
struct Region {
  const std::function<void(Team&, int64_t)>& body;
  std::optional<Team> team;
};

// The thread sanitizer does not see GCC's OpenMP library, which is not instrumented: it is told that
// what happens before release() is seen after acquire(), and of the region itself it sees nothing.
#if defined(__SANITIZE_THREAD__)
#define MASKED_RNN_UNSEEN __attribute__((noinline, no_sanitize_thread))
char the_regions;
void release() { __tsan_release(&the_regions); }
void acquire() { __tsan_acquire(&the_regions); }
#else
#define MASKED_RNN_UNSEEN
void release() {}
void acquire() {}
#endif

void make_team(Region& region, int64_t size) {
  acquire();
  region.team.emplace(size);
  release();
}

void run_member(Region& region, int64_t member) {
  acquire();
  region.body(*region.team, member);
  drain();
  release();
}

MASKED_RNN_UNSEEN void run_region(Region& region, int threads) {
#pragma omp parallel num_threads(threads)
  {
#pragma omp single
    make_team(region, omp_get_num_threads());
    run_member(region, omp_get_thread_num());
  }
}

}  // namespace

int64_t num_threads() { return at::in_parallel_region() ? 1 : at::get_num_threads(); }

int64_t num_threads_for(int64_t multiply_adds) {
  static const int64_t least = least_work();
  const int64_t all = num_threads(), worth = multiply_adds / least;
  // Of fewer than all an even number: two jobs can have as many each.
  return worth >= all ? all : std::max<int64_t>(1, worth / 2 * 2);
}

void Team::wait_for_all(int64_t stage) {
  // (Both may change as soon as this one has arrived.)
  const int64_t round = rounds_.load(std::memory_order_relaxed), size = size_;
  if (arrived_.fetch_add(1, std::memory_order_acq_rel) + 1 == size) {
    const int64_t others = stage > 0 ? come_.load(std::memory_order_acquire) : 0;
    const bool are_new = first_size_ + others > size;
    if (are_new) {
      size_ = first_size_ + others;
      stage_ = stage;
    }
    arrived_.store(0, std::memory_order_relaxed);
    rounds_.store(round + 1, std::memory_order_release);
    if (are_new) {
      let_in_.store(others, std::memory_order_release);
    }
    return;
  }
  spin_until([&] { return rounds_.load(std::memory_order_acquire) != round; });
}

void Team::close() { come_.store(kClosed, std::memory_order_release); }

std::optional<Team::Helper> Team::help() {
  int64_t others = come_.load(std::memory_order_relaxed);
  do {
    if (others == kClosed || first_size_ + others >= most_) {
      return std::nullopt;
    }
  } while (!come_.compare_exchange_weak(others, others + 1, std::memory_order_acq_rel));
  const auto is_in = [&] { return let_in_.load(std::memory_order_acquire) > others; };
  spin_until([&] { return is_in() || come_.load(std::memory_order_acquire) == kClosed; });
  // (Whether it is closed may have been seen before that it is in, which came first.)
  return is_in() ? std::optional(Helper{first_size_ + others, stage_}) : std::nullopt;
}

void parallel_team(int64_t threads, const std::function<void(Team&, int64_t)>& body) {
  if (threads == 1) {
    Team alone(1);
    body(alone, 0);
    return drain();
  }
  Region region{body, {}};
  release();
  run_region(region, static_cast<int>(threads));
  acquire();
}

void for_each_at_once(int64_t count, int64_t threads, const std::function<void(int64_t)>& body) {
  std::vector<std::exception_ptr> thrown(threads);
  // (It takes as long as a small layer's pointers.)
  const auto state =
      threads > 1 ? std::optional<at::ThreadLocalState>(std::in_place) : std::nullopt;
  parallel_team(threads, [&](Team& team, int64_t member) {
    std::optional<at::ThreadLocalStateGuard> as_here;
    if (state.has_value()) {
      as_here.emplace(*state);
    }
    for (int64_t i = member; i < count; i += team.size()) {
      try {
        body(i);
      } catch (...) {
        thrown[member] = std::current_exception();
      }
    }
  });
  for (const auto& exception : thrown) {
    if (exception != nullptr) {
      std::rethrow_exception(exception);
    }
  }
}

Jobs::Jobs(int64_t count, int64_t threads, int64_t most)
    : count_(count),
      threads_(threads),
      of_each_(can_be_apart(count, threads) ? threads / count : threads),
      most_of_each_(can_be_apart(count, threads) ? 2 * of_each_ : most) {
  for (int64_t job = 0; can_be_apart(count, threads) && job < count; ++job) {
    teams_.emplace_back(of_each_, most_of_each_);
  }
}

void Jobs::run(const Body& body) {
  parallel_team(threads_, [&](Team& team, int64_t member) { run(team, member, 0, body); });
}

void Jobs::run(Team& team, int64_t member, int64_t stage, const Body& body) {
  if (teams_.empty()) {
    for (int64_t job = 0; job < count_; ++job) {
      body(job, team, member, stage);
    }
  } else if (team.size() == threads_) {
    const int64_t job = member / of_each_;
    body(job, teams_[job], member % of_each_, 0);
    teams_[job].close();
    for (int64_t other = 1; other < count_; ++other) {
      help((job + other) % count_, body);
    }
  } else {  // There are fewer threads than there should be.
    for (int64_t job = member; job < count_; job += team.size()) {
      Team alone(1);
      body(job, alone, 0, 0);
    }
  }
}

void Jobs::help(int64_t job, const Body& body) {
  Team& team = teams_[job];
  if (const auto helper = team.help()) {
    body(job, team, helper->member, helper->stage);
    team.close();
  }
}

}  // namespace masked_rnn
