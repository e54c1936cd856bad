// Sigmoid and tanh of vectors, within 2.5 ULP, exact limits at the tails, NaN kept.
#pragma once

#include <masked_rnn/csrc/vec/vec.h>

namespace masked_rnn {
namespace {

template <class T>
struct ExpConstants;
// ln 2 in two parts (the first with enough trailing zeros that n * high is exact), the exponent's
// place in the format, the smallest arguments whose results are a normal and any number, and
// 1.5 * 2^mantissa, which rounds to integers when it is added and taken away.
template <>
struct ExpConstants<float> {
  static constexpr float kLog2e = 1.44269504088896341f, kLn2High = 0.693145751953125f,
                         kLn2Low = 1.42860682030941723212e-6f, kLowest = -87.0f,
                         kLowestDenormal = -104.0f, kRound = 12582912.0f;
  static constexpr int32_t kBias = 127, kShift = 23;
  static constexpr int kTerms = 7;
};
template <>
struct ExpConstants<double> {
  static constexpr double kLog2e = 1.44269504088896340736, kLn2High = 0.693147180369123816490,
                          kLn2Low = 1.90821492927058770002e-10, kLowest = -708.0,
                          kLowestDenormal = -746.0, kRound = 6755399441055744.0;
  static constexpr int64_t kBias = 1023, kShift = 52;
  static constexpr int kTerms = 13;
};

// exp(x) = 2^n * (1 + tail) for x <= 0: tail = expm1 of the rest, |rest| <= ln(2)/2, by the Taylor
// polynomial whose remainder is below the rounding. x is taken as `lowest` where it is less.
template <class T>
struct Exp {
  typename Simd<T>::IntVec n;
  Vec<T> tail;
};

template <class T>
inline Exp<T> exp_of_negative(Vec<T> x, T lowest) {
  using C = ExpConstants<T>;
  x = x < lowest ? broadcast<T>(lowest) : x;
  const Vec<T> rounded = x * C::kLog2e + C::kRound;
  const Vec<T> n = rounded - C::kRound;
  const Vec<T> rest = (x - n * C::kLn2High) - n * C::kLn2Low;
  // sum of rest^k / k! for k = 2 .. terms, by Horner's rule
  T factorial = 1;
  for (int k = 2; k <= C::kTerms; ++k) {
    factorial *= static_cast<T>(k);
  }
  Vec<T> sum = broadcast<T>(1 / factorial);
#pragma GCC unroll 16
  for (int k = C::kTerms - 1; k >= 2; --k) {
    factorial /= static_cast<T>(k + 1);
    sum = sum * rest + 1 / factorial;
  }
  return {__builtin_convertvector(n, typename Simd<T>::IntVec), rest * rest * sum + rest};
}

// 2^n for exponents of normal numbers.
template <class T>
inline Vec<T> power_of_two(typename Simd<T>::IntVec n) {
  return reinterpret_cast<Vec<T>>((n + ExpConstants<T>::kBias) << ExpConstants<T>::kShift);
}

template <class T>
inline Vec<T> absolute(Vec<T> x) {
  return x < 0 ? -x : x;
}

// 1 / (1 + exp(-x)), from exp(-|x|), which cannot overflow; 2^n in two factors, since it may be
// smaller than any normal number.
template <class T>
inline Vec<T> sigmoid(Vec<T> x) {
  const Exp<T> e = exp_of_negative<T>(-absolute<T>(x), ExpConstants<T>::kLowestDenormal);
  const auto half = e.n >> 1;
  const Vec<T> scale = power_of_two<T>(half);
  const Vec<T> power = (scale * e.tail + scale) * power_of_two<T>(e.n - half);
  const Vec<T> numerator = x < 0 ? power : broadcast<T>(1);
  return numerator / (1 + power);
}

// -expm1(-2|x|) / (2 + expm1(-2|x|)) with the sign of x.
template <class T>
inline Vec<T> tanh(Vec<T> x) {
  const Exp<T> e = exp_of_negative<T>(-2 * absolute<T>(x), ExpConstants<T>::kLowest);
  const Vec<T> scale = power_of_two<T>(e.n);
  const Vec<T> expm1 = scale * e.tail + (scale - 1);
  const Vec<T> result = -expm1 / (2 + expm1);
  return x < 0 ? -result : result;
}

}  // namespace
}  // namespace masked_rnn
