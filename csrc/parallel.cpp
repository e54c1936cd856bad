// The only door to threads; see parallel.h. This file is compiled with OpenMP, without which
// at::parallel_for runs serially.
#include <ATen/Parallel.h>
#include <masked_rnn/csrc/parallel.h>
#include <omp.h>

#include <memory>
#include <thread>

#if defined(__x86_64__)
#include <immintrin.h>
#endif

namespace masked_rnn {
namespace {

// Where there are more threads than processors, the one that is waited for may not be running.
constexpr int kSpins = 10'000;

void pause() {
#if defined(__x86_64__)
  _mm_pause();
#endif
}

}  // namespace

int64_t num_threads() { return at::in_parallel_region() ? 1 : at::get_num_threads(); }

void parallel_tasks(int64_t count, const std::function<void(int64_t)>& task) {
  at::parallel_for(0, count, 1, [&](int64_t begin, int64_t end) {
    for (int64_t i = begin; i < end; ++i) {
      task(i);
    }
  });
}

void Team::wait() {
  const int64_t round = rounds_.load(std::memory_order_relaxed);
  if (arrived_.fetch_add(1, std::memory_order_acq_rel) + 1 == size_) {
    arrived_.store(0, std::memory_order_relaxed);
    rounds_.store(round + 1, std::memory_order_release);
    return;
  }
  for (int spins = 0; rounds_.load(std::memory_order_acquire) == round; ++spins) {
    if (spins < kSpins) {
      pause();
    } else {
      std::this_thread::yield();
    }
  }
}

void parallel_team(const std::function<void(Team&, int64_t)>& body) {
  const int64_t threads = num_threads();
  if (threads == 1) {
    Team alone(1);
    return body(alone, 0);
  }
  std::unique_ptr<Team> team;
#pragma omp parallel num_threads(static_cast <int>(num_threads()))
  {
#pragma omp single
    team = std::make_unique<Team>(omp_get_num_threads());
    body(*team, omp_get_thread_num());
  }
}

}  // namespace masked_rnn
