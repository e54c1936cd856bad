// The few operations on vectors that instruction sets have and the compiler's vector extension lacks,
// with plain forms where they do not.
#pragma once

#include <masked_rnn/csrc/vec/vec.h>

#include <limits>

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
MASKED_RNN_INLINE Vec<T> minus_absolute(Vec<T> x) {
  return reinterpret_cast<Vec<T>>(bits<T>(x) | sign_bit<T>());
}

// |x| with the sign of y.
template <class T>
MASKED_RNN_INLINE Vec<T> with_sign_of(Vec<T> x, Vec<T> y) {
  return reinterpret_cast<Vec<T>>((bits<T>(x) & ~sign_bit<T>()) | (bits<T>(y) & sign_bit<T>()));
}

// The larger of both; NaN stays.
template <class T>
MASKED_RNN_INLINE Vec<T> at_least(Vec<T> x, T bound) {
#if MASKED_RNN_VECTOR_BYTES == 64
  if constexpr (sizeof(T) == 4) {
    return _mm512_max_ps(broadcast<T>(bound), x);
  } else {
    return _mm512_max_pd(broadcast<T>(bound), x);
  }
#elif MASKED_RNN_VECTOR_BYTES == 32
  if constexpr (sizeof(T) == 4) {
    return _mm256_max_ps(broadcast<T>(bound), x);
  } else {
    return _mm256_max_pd(broadcast<T>(bound), x);
  }
#else
  return x < bound ? broadcast<T>(bound) : x;
#endif
}

// To the nearest integer, for |x| below 2^22.
template <class T>
MASKED_RNN_INLINE Vec<T> rounded(Vec<T> x) {
#if MASKED_RNN_VECTOR_BYTES == 64
  constexpr int kToNearest = _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC;
  if constexpr (sizeof(T) == 4) {
    return _mm512_roundscale_ps(x, kToNearest);
  } else {
    return _mm512_roundscale_pd(x, kToNearest);
  }
#else
  return (x + Format<T>::kRound) - Format<T>::kRound;
#endif
}

// 2^n for exponents n of normal numbers.
template <class T>
MASKED_RNN_INLINE Vec<T> power_of_two(Vec<T> n) {
  const auto exponent = __builtin_convertvector(n, IntVec<T>) + Format<T>::kBias;
  return reinterpret_cast<Vec<T>>(exponent << Format<T>::kMantissa);
}

// x * 2^n; the result may be smaller than any normal number.
template <class T>
MASKED_RNN_INLINE Vec<T> times_power_of_two(Vec<T> x, Vec<T> n) {
#if MASKED_RNN_VECTOR_BYTES == 64
  if constexpr (sizeof(T) == 4) {
    return _mm512_scalef_ps(x, n);
  } else {
    return _mm512_scalef_pd(x, n);
  }
#else
  const Vec<T> half = rounded<T>(n * T(0.5));
  return x * power_of_two<T>(half) * power_of_two<T>(n - half);
#endif
}

}  // namespace
}  // namespace masked_rnn
