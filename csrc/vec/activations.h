// Sigmoid and tanh of vectors, within 2.5 ULP, exact limits at the tails, NaN kept.
#pragma once

#include <masked_rnn/csrc/vec/vec.h>

namespace masked_rnn {
namespace {

template <class T>
struct ExpConstants;
// ln 2 in two parts (the first with enough trailing zeros that n * high is exact), the exponent's
// place in the format, the smallest argument whose result is a normal number, and 1.5 * 2^mantissa,
// which rounds to integers when it is added and taken away.
template <>
struct ExpConstants<float> {
  static constexpr float kLog2e = 1.44269504088896341f, kLn2High = 0.693145751953125f,
                         kLn2Low = 1.42860682030941723212e-6f, kLowest = -87.0f,
                         kRound = 12582912.0f;
  static constexpr int32_t kBias = 127, kShift = 23;
  static constexpr int kTerms = 7;
};
template <>
struct ExpConstants<double> {
  static constexpr double kLog2e = 1.44269504088896340736, kLn2High = 0.693147180369123816490,
                          kLn2Low = 1.90821492927058770002e-10, kLowest = -708.0,
                          kRound = 6755399441055744.0;
  static constexpr int64_t kBias = 1023, kShift = 52;
  static constexpr int kTerms = 13;
};

// exp(x) = scale * (1 + tail) for x <= 0: scale a power of two, tail = expm1 of the rest, |rest| <=
// ln(2)/2, by the Taylor polynomial whose remainder is below the rounding.
template <class T>
struct Exp {
  Vec<T> scale, tail;
};

template <class T>
inline Exp<T> exp_of_negative(Vec<T> x) {
  using C = ExpConstants<T>;
  const Vec<T> lowest = broadcast<T>(C::kLowest);
  x = x < lowest ? lowest : x;
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
  const auto exponent = __builtin_convertvector(n, typename Simd<T>::IntVec);
  const auto bits = (exponent + C::kBias) << C::kShift;
  return {reinterpret_cast<Vec<T>>(bits), rest * rest * sum + rest};
}

template <class T>
inline Vec<T> absolute(Vec<T> x) {
  return x < 0 ? -x : x;
}

// 1 / (1 + exp(-x)), from exp(-|x|), which cannot overflow.
template <class T>
inline Vec<T> sigmoid(Vec<T> x) {
  const Vec<T> y = -absolute<T>(x);
  const Exp<T> e = exp_of_negative<T>(y);
  Vec<T> power = e.scale * e.tail + e.scale;
  power = y < ExpConstants<T>::kLowest ? Vec<T>{} : power;
  const Vec<T> numerator = x < 0 ? power : broadcast<T>(1);
  return numerator / (1 + power);
}

// -expm1(-2|x|) / (2 + expm1(-2|x|)) with the sign of x.
template <class T>
inline Vec<T> tanh(Vec<T> x) {
  const Vec<T> y = -2 * absolute<T>(x);
  const Exp<T> e = exp_of_negative<T>(y);
  const Vec<T> expm1 = e.scale * e.tail + (e.scale - 1);
  const Vec<T> result = -expm1 / (2 + expm1);
  return x < 0 ? -result : result;
}

}  // namespace
}  // namespace masked_rnn
