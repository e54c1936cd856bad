// Sigmoid and tanh of vectors, within 2.5 ULP, exact limits at the tails, NaN kept.
#pragma once

#include <masked_rnn/csrc/vec/arithmetic.h>

namespace masked_rnn {
namespace {

template <class T>
struct ExpConstants;
// ln 2 in two parts (the first with enough trailing zeros that n * high is exact), and the arguments
// below which exp is 0 and below which it no longer matters beside 1.
template <>
struct ExpConstants<float> {
  static constexpr float kLog2e = 1.44269504088896341f, kLn2High = 0.693145751953125f,
                         kLn2Low = 1.42860682030941723212e-6f, kZero = -104.0f,
                         kNegligible = -87.0f;
  static constexpr int kTerms = 7;
};
template <>
struct ExpConstants<double> {
  static constexpr double kLog2e = 1.44269504088896340736, kLn2High = 0.693147180369123816490,
                          kLn2Low = 1.90821492927058770002e-10, kZero = -746.0,
                          kNegligible = -708.0;
  static constexpr int kTerms = 13;
};

// exp(x) = 2^n * (1 + tail) for lowest <= x <= 0, as of `lowest` below it: tail = expm1 of the rest,
// |rest| <= ln(2)/2, by the Taylor polynomial whose remainder is below the rounding.
template <class T>
struct Exp {
  Vec<T> n, tail;
};

template <class T>
MASKED_RNN_INLINE Exp<T> exp_of_negative(Vec<T> x, T lowest) {
  using C = ExpConstants<T>;
  x = at_least<T>(x, lowest);
  const Vec<T> n = rounded<T>(x * C::kLog2e);
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
  return {n, rest * rest * sum + rest};
}

// 1 / (1 + exp(-x)), from exp(-|x|), which cannot overflow.
template <class T>
MASKED_RNN_INLINE Vec<T> sigmoid(Vec<T> x) {
  const Exp<T> e = exp_of_negative<T>(minus_absolute<T>(x), ExpConstants<T>::kZero);
  const Vec<T> power = times_power_of_two<T>(1 + e.tail, e.n);
  return (x < 0 ? power : broadcast<T>(1)) / (1 + power);
}

// -expm1(-2|x|) / (2 + expm1(-2|x|)) with the sign of x.
template <class T>
MASKED_RNN_INLINE Vec<T> tanh(Vec<T> x) {
  const Exp<T> e = exp_of_negative<T>(2 * minus_absolute<T>(x), ExpConstants<T>::kNegligible);
  const Vec<T> scale = power_of_two<T>(e.n);
  const Vec<T> expm1 = scale * e.tail + (scale - 1);
  return with_sign_of<T>(expm1 / (2 + expm1), x);
}

}  // namespace
}  // namespace masked_rnn
