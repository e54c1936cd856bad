// The loops that measure the machine; see limits.h.
#include "limits.h"

#include <ATen/Version.h>

#include <algorithm>
#include <barrier>
#include <chrono>
#include <functional>
#include <thread>
#include <vector>

#if defined(__x86_64__)
#include <immintrin.h>
#endif

namespace masked_rnn::benchmark {
namespace {

using Clock = std::chrono::steady_clock;

constexpr int kRepetitions = 9;             // the best of them counts
constexpr int64_t kMultiplyAdds = 1 << 21;  // of one chain
constexpr int64_t kMultiplyAddsOfRate = 1 << 18;
constexpr int64_t kBytesToRead = 1 << 27;
constexpr int64_t kMostReads = 1 << 15;  // of a block, however small

// What caches hold and vectors read at once at most: vectors that begin elsewhere take two reads each, and would
// measure half of the bandwidth.
struct alignas(64) Line {
  float values[16];
};

// A loop returns something that depends on all it did, lest the compiler drop it.
volatile float sink;

// Each loop holds enough independent chains to cover the latency of a multiply-add.
#if defined(__x86_64__)
constexpr int kChains = 12;

__attribute__((target("avx512f"))) float multiply_add_avx512(int64_t n) {
  __m512 sum[kChains];
  for (int i = 0; i < kChains; ++i) sum[i] = _mm512_set1_ps(static_cast<float>(i));
  const __m512 x = _mm512_set1_ps(0.5F);
  for (int64_t k = 0; k < n; ++k) {
#pragma GCC unroll 12
    for (int i = 0; i < kChains; ++i) sum[i] = _mm512_fmadd_ps(sum[i], x, x);
  }
  for (int i = 1; i < kChains; ++i) sum[0] = _mm512_add_ps(sum[0], sum[i]);
  return _mm512_reduce_add_ps(sum[0]);
}

__attribute__((target("avx2,fma"))) float multiply_add_avx2(int64_t n) {
  __m256 sum[kChains];
  for (int i = 0; i < kChains; ++i) sum[i] = _mm256_set1_ps(static_cast<float>(i));
  const __m256 x = _mm256_set1_ps(0.5F);
  for (int64_t k = 0; k < n; ++k) {
#pragma GCC unroll 12
    for (int i = 0; i < kChains; ++i) sum[i] = _mm256_fmadd_ps(sum[i], x, x);
  }
  for (int i = 1; i < kChains; ++i) sum[0] = _mm256_add_ps(sum[0], sum[i]);
  return _mm256_cvtss_f32(sum[0]);
}

__attribute__((target("avx512f"))) float read_avx512(const float* p, int64_t n) {
  __m512 sum[4] = {};
  for (int64_t i = 0; i + 64 <= n; i += 64) {
#pragma GCC unroll 4
    for (int v = 0; v < 4; ++v) sum[v] = _mm512_max_ps(sum[v], _mm512_loadu_ps(p + i + 16 * v));
  }
  return _mm512_reduce_add_ps(sum[0] + sum[1] + sum[2] + sum[3]);
}

__attribute__((target("avx2"))) float read_avx2(const float* p, int64_t n) {
  __m256 sum[8] = {};
  for (int64_t i = 0; i + 64 <= n; i += 64) {
#pragma GCC unroll 8
    for (int v = 0; v < 8; ++v) sum[v] = _mm256_max_ps(sum[v], _mm256_loadu_ps(p + i + 8 * v));
  }
  for (int v = 1; v < 8; ++v) sum[0] = _mm256_add_ps(sum[0], sum[v]);
  return _mm256_cvtss_f32(sum[0]);
}
#endif

typedef float Four __attribute__((vector_size(16)));

float multiply_add_default(int64_t n) {
  Four sum[8] = {};
  const Four x = {0.5F, 0.5F, 0.5F, 0.5F};
  for (int64_t k = 0; k < n; ++k) {
#pragma GCC unroll 8
    for (int i = 0; i < 8; ++i) sum[i] = sum[i] * x + x;
  }
  for (int i = 1; i < 8; ++i) sum[0] += sum[i];
  return sum[0][0];
}

float read_default(const float* p, int64_t n) {
  Four sum[4] = {};
  for (int64_t i = 0; i + 16 <= n; i += 16) {
    for (int v = 0; v < 4; ++v) sum[v] += *reinterpret_cast<const Four*>(p + i + 4 * v);
  }
  return (sum[0] + sum[1] + sum[2] + sum[3])[0];
}

struct Loops {
  float (*multiply_add)(int64_t);
  float (*read)(const float*, int64_t);
  int64_t flop;  // of one round of multiply_add
};

Loops loops() {
#if defined(__x86_64__)
  const auto capability = at::get_cpu_capability();
  if (capability == "AVX512") return {multiply_add_avx512, read_avx512, 2 * 16 * kChains};
  if (capability == "AVX2") return {multiply_add_avx2, read_avx2, 2 * 8 * kChains};
#endif
  return {multiply_add_default, read_default, 2 * 4 * 8};
}

// The shortest time from the first thread's start of body(thread) to the last one's end.
double shortest(int threads, const std::function<void(int)>& body) {
  double best = 1e30;
  for (int repetition = 0; repetition < kRepetitions; ++repetition) {
    std::barrier together(threads);
    std::vector<Clock::time_point> starts(threads), ends(threads);
    {
      std::vector<std::jthread> pool;
      for (int i = 0; i < threads; ++i) {
        pool.emplace_back([&, i] {
          body(i);  // warms up: caches, clock
          together.arrive_and_wait();
          starts[i] = Clock::now();
          body(i);
          ends[i] = Clock::now();
        });
      }
    }
    const auto time = *std::max_element(ends.begin(), ends.end()) -
                      *std::min_element(starts.begin(), starts.end());
    best = std::min(best, std::chrono::duration<double>(time).count());
  }
  return best;
}

}  // namespace

double fma_peak(int threads) {
  const Loops l = loops();
  const double seconds = shortest(threads, [&](int) { sink = l.multiply_add(kMultiplyAdds); });
  return static_cast<double>(l.flop * kMultiplyAdds * threads) / seconds / 1e9;
}

double fma_rate(int threads) {
  const Loops l = loops();
  const auto start = Clock::now();
#pragma omp parallel num_threads(threads)
  sink = l.multiply_add(kMultiplyAddsOfRate);
  const std::chrono::duration<double> time = Clock::now() - start;
  return static_cast<double>(l.flop * kMultiplyAddsOfRate * threads) / time.count() / 1e9;
}

double read_bandwidth(int threads, int64_t bytes) {
  const Loops l = loops();
  const int64_t each = std::max<int64_t>(256, bytes / threads / 256 * 256);
  const int64_t lines = each / static_cast<int64_t>(sizeof(Line));
  const int64_t count = each / static_cast<int64_t>(sizeof(float));
  const int64_t times = std::min(kBytesToRead / each + 1, kMostReads);
  std::vector<std::vector<Line>> blocks(threads, std::vector<Line>(lines));
  const double seconds = shortest(threads, [&](int thread) {
    const float* block = blocks[thread].data()->values;
    for (int64_t i = 0; i < times; ++i) sink = l.read(block, count);
  });
  return static_cast<double>(each * times * threads) / seconds / 1e9;
}

}  // namespace masked_rnn::benchmark
