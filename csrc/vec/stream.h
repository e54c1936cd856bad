// Writes past the caches: what is read again only after much else has been, so that it would neither
// wait there for that nor need to be read before it is overwritten.
#pragma once

#include <masked_rnn/csrc/vec/vec.h>

#if defined(__SSE2__)
#include <immintrin.h>
#endif

namespace masked_rnn {
namespace {

// Whether a vector that stands there can be streamed.
template <class T>
inline bool is_aligned(const T* p) {
  return reinterpret_cast<uintptr_t>(p) % MASKED_RNN_VECTOR_BYTES == 0;
}

// Stores to an aligned place. Other threads may see it only after a fence: parallel_team ends with one.
template <class T>
inline void stream(T* p, Vec<T> v) {
#if MASKED_RNN_VECTOR_BYTES == 64
  _mm512_stream_si512(reinterpret_cast<__m512i*>(p), reinterpret_cast<__m512i>(v));
#elif MASKED_RNN_VECTOR_BYTES == 32
  _mm256_stream_si256(reinterpret_cast<__m256i*>(p), reinterpret_cast<__m256i>(v));
#elif defined(__SSE2__)
  _mm_stream_si128(reinterpret_cast<__m128i*>(p), reinterpret_cast<__m128i>(v));
#else
  store(p, v);
#endif
}

// n zeros, streamed.
template <class T>
void clear(int64_t n, T* to) {
  T* const end = to + n;
  for (; to < end && !is_aligned(to); ++to) {
    *to = 0;
  }
  for (; end - to >= kLanes<T>; to += kLanes<T>) {
    stream(to, Vec<T>{});
  }
  for (; to < end; ++to) {
    *to = 0;
  }
}

}  // namespace
}  // namespace masked_rnn
