// The few operations on vectors that instruction sets have and the compiler's vector extension lacks,
// with plain forms where they do not.
#pragma once

#include <masked_rnn/csrc/vec/vec.h>

#if MASKED_RNN_VECTOR_BYTES > 16
#include <immintrin.h>
#endif

namespace masked_rnn {
namespace {

template <class T>
struct Format;  // of floating-point numbers
template <>
struct Format<float> {
  static constexpr int32_t kBias = 127, kMantissa = 23;
  static constexpr float kRound = 12582912.0f;  // 1.5 * 2^23, which rounds what is added to it
};
template <>
struct Format<double> {
  static constexpr int64_t kBias = 1023, kMantissa = 52;
  static constexpr double kRound = 6755399441055744.0;
};

template <class T>
using IntVec = typename Simd<T>::IntVec;

template <class T>
MASKED_RNN_INLINE IntVec<T> bits(Vec<T> x) {
  return reinterpret_cast<IntVec<T>>(x);
}

template <class T>
MASKED_RNN_INLINE IntVec<T> sign_bit() {
  return bits<T>(broadcast<T>(-0.0));
}

template <class T>
MASKED_RNN_INLINE Vec<T> absolute(Vec<T> x) {
  return reinterpret_cast<Vec<T>>(bits<T>(x) & ~sign_bit<T>());
}

// |x| with the sign of y.
template <class T>
MASKED_RNN_INLINE Vec<T> with_sign_of(Vec<T> x, Vec<T> y) {
  return reinterpret_cast<Vec<T>>(bits<T>(absolute<T>(x)) | (bits<T>(y) & sign_bit<T>()));
}

// x, or the bound that it is beyond; NaN stays.
template <class T>
MASKED_RNN_INLINE Vec<T> within(Vec<T> x, T lowest, T highest) {
  const Vec<T> low = broadcast(lowest), high = broadcast(highest);
#if MASKED_RNN_VECTOR_BYTES == 64
  if constexpr (sizeof(T) == 4) {
    return _mm512_min_ps(high, _mm512_max_ps(low, x));
  } else {
    return _mm512_min_pd(high, _mm512_max_pd(low, x));
  }
#elif MASKED_RNN_VECTOR_BYTES == 32
  if constexpr (sizeof(T) == 4) {
    return _mm256_min_ps(high, _mm256_max_ps(low, x));
  } else {
    return _mm256_min_pd(high, _mm256_max_pd(low, x));
  }
#else
  x = x < low ? low : x;
  return x > high ? high : x;
#endif
}

}  // namespace
}  // namespace masked_rnn
