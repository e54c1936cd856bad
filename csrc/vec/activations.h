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

#if MASKED_RNN_VECTOR_BYTES == 64

// The same with three operations less and shorter chains, where a register holds 2^(j/16) for every
// j: x = (n + j/16) ln 2 + rest, |rest| <= ln(2)/32. `power` is 2^(n + j/16) but for a relative error,
// which is what `error` makes up for.
struct TableExp {
  Vec<float> power, error, rest;
};

// 2^(j/16), rounded.
alignas(64) constexpr float kPowers[16] = {0x1.000000p+0f,
                                           0x1.0b5586p+0f,
                                           0x1.172b84p+0f,
                                           0x1.2387a6p+0f,
                                           0x1.306fe0p+0f,
                                           0x1.3dea64p+0f,
                                           0x1.4bfdaep+0f,
                                           0x1.5ab07ep+0f,
                                           0x1.6a09e6p+0f,
                                           0x1.7a1148p+0f,
                                           0x1.8ace54p+0f,
                                           0x1.9c4918p+0f,
                                           0x1.ae89fap+0f,
                                           0x1.c199bep+0f,
                                           0x1.d5818ep+0f,
                                           0x1.ea4afap+0f};
// What is missing, divided by that.
alignas(64) constexpr float kPowerErrors[16] = {0.0f,
                                                0x1.8d96d4p-25f,
                                                -0x1.9c0c22p-27f,
                                                0x1.964904p-25f,
                                                0x1.125002p-25f,
                                                0x1.370be4p-25f,
                                                -0x1.0a3550p-25f,
                                                -0x1.00d8acp-27f,
                                                0x1.26055cp-26f,
                                                -0x1.05cb44p-25f,
                                                0x1.67a1cap-28f,
                                                0x1.a3b5e4p-28f,
                                                -0x1.f9c304p-27f,
                                                -0x1.6961b4p-28f,
                                                -0x1.a5217cp-28f,
                                                0x1.61428ep-28f};

// exp(Times * x) for lowest <= x <= 0, as of `lowest` below it; rest is that of x.
template <int Times>
MASKED_RNN_INLINE TableExp exp_by_table(Vec<float> x, float lowest) {
  constexpr float kRound = 786432.0f;  // 1.5 * 2^19: rounds to sixteenths what is added to it
  // ln 2 in two parts: with sixteenths more bits of the first have to be 0 than above.
  constexpr float kLn2High = 0.693359375f, kLn2Low = -2.12194440054690583e-4f;
  x = at_least<float>(x, lowest);
  const Vec<float> sum = x * (Times * ExpConstants<float>::kLog2e) + kRound, n = sum - kRound;
  const Vec<float> rest = (x - n * (kLn2High / Times)) - n * (kLn2Low / Times);
  const auto j = reinterpret_cast<__m512i>(sum);  // in its last four bits
  return {times_power_of_two<float>(_mm512_permutexvar_ps(j, load(kPowers)), n),
          _mm512_permutexvar_ps(j, load(kPowerErrors)),
          rest};
}

#endif

// exp(x) for x <= 0.
template <class T>
MASKED_RNN_INLINE Vec<T> whole_exp_of_negative(Vec<T> x) {
  constexpr T lowest = ExpConstants<T>::kZero;
#if MASKED_RNN_VECTOR_BYTES == 64
  if constexpr (sizeof(T) == 4) {
    const TableExp e = exp_by_table<1>(x, lowest);
    const Vec<T> higher = e.rest * T(1.0 / 6) + T(0.5);
    const Vec<T> tail = e.rest * e.rest * higher + (e.rest + e.error);
    return e.power * tail + e.power;
  }
#endif
  const Exp<T> e = exp_of_negative<T>(x, lowest);
  return times_power_of_two<T>(1 + e.tail, e.n);
}

// exp(2x) - 1 for x <= 0, exact to the last places near 0 too.
template <class T>
MASKED_RNN_INLINE Vec<T> expm1_of_twice_negative(Vec<T> x) {
  constexpr T lowest = ExpConstants<T>::kNegligible;
#if MASKED_RNN_VECTOR_BYTES == 64
  if constexpr (sizeof(T) == 4) {
    const TableExp e = exp_by_table<2>(x, lowest / 2);
    const Vec<T> higher = e.rest * (e.rest * T(2.0 / 3) + T(4.0 / 3)) + T(2);
    const Vec<T> tail = e.rest * e.rest * higher + (2 * e.rest + e.error);
    // What rounding power - 1 loses is added to the smaller part.
    const Vec<T> sum = e.power - 1, lost = e.power - (sum + 1);
    return sum + (e.power * tail + lost);
  }
#endif
  const Exp<T> e = exp_of_negative<T>(2 * x, lowest);
  const Vec<T> scale = power_of_two<T>(e.n);
  return scale * e.tail + (scale - 1);
}

// 1 / (1 + exp(-x)), from exp(-|x|), which cannot overflow.
template <class T>
MASKED_RNN_INLINE Vec<T> sigmoid(Vec<T> x) {
  const Vec<T> power = whole_exp_of_negative<T>(minus_absolute<T>(x));
  return (x < 0 ? power : broadcast<T>(1)) / (1 + power);
}

// -expm1(-2|x|) / (2 + expm1(-2|x|)) with the sign of x.
template <class T>
MASKED_RNN_INLINE Vec<T> tanh(Vec<T> x) {
  const Vec<T> expm1 = expm1_of_twice_negative<T>(minus_absolute<T>(x));
  return with_sign_of<T>(expm1 / (2 + expm1), x);
}

}  // namespace
}  // namespace masked_rnn
