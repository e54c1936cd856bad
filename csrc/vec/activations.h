// Sigmoid and tanh of vectors, within 2.5 ULP, exact limits at the tails, NaN kept.
#pragma once

#include <masked_rnn/csrc/vec/arithmetic.h>

namespace masked_rnn {
namespace {

template <class T>
struct ExpConstants;
// ln 2 in two parts (the first with enough trailing zeros that n * high is exact), the argument below which
// exp is 0, and the one above which 1 no longer matters beside it.
template <>
struct ExpConstants<float> {
  static constexpr float kLog2e = 1.44269504088896341f, kLn2High = 0.693145751953125f,
                         kLn2Low = 1.42860682030941723212e-6f, kZero = -104.0f, kLarge = 20.0f;
  static constexpr int kTerms = 7;
};
template <>
struct ExpConstants<double> {
  static constexpr double kLog2e = 1.44269504088896340736, kLn2High = 0.693147180369123816490,
                          kLn2Low = 1.90821492927058770002e-10, kZero = -746.0, kLarge = 40.0;
  static constexpr int kTerms = 13;
};

template <class T>
constexpr T inverse_factorial(int k) {
  T factorial = 1;
  for (; k > 1; --k) {
    factorial *= static_cast<T>(k);
  }
  return 1 / factorial;
}

// exp(x) = scale * (1 + tail) * 2^-raised. `scale` is a power of two, which `raised` keeps among the normal
// numbers; tail = expm1 of the rest, |rest| <= ln(2)/2, by the Taylor polynomial whose remainder is below
// the rounding.
template <class T>
struct Exp {
  Vec<T> scale, tail;
};

template <class T>
MASKED_RNN_INLINE Exp<T> exp_in_parts(Vec<T> x, int raised) {
  using C = ExpConstants<T>;
  // Leaves the nearest integer in the last bits of the sum, where the exponent's bias is already.
  const T round = Format<T>::kRound + static_cast<T>(Format<T>::kBias + raised);
  const Vec<T> sum = x * C::kLog2e + round, n = sum - round;
  const Vec<T> rest = (x - n * C::kLn2High) - n * C::kLn2Low;
  // sum of rest^k / k! for k = 2 .. terms, two by two: chains half as long as Horner's rule has.
  const auto two = [&](int k) __attribute__((always_inline)) {
    return rest * inverse_factorial<T>(k + 1) + inverse_factorial<T>(k);
  };
  const Vec<T> square = rest * rest;
  Vec<T> polynomial = two(C::kTerms - 1);
#pragma GCC unroll 16
  for (int k = C::kTerms - 3; k >= 2; k -= 2) {
    polynomial = polynomial * square + two(k);
  }
  return {reinterpret_cast<Vec<T>>(bits<T>(sum) << Format<T>::kMantissa),
          polynomial * square + rest};
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

// exp(Times * x); rest is that of x.
template <int Times>
MASKED_RNN_INLINE TableExp exp_by_table(Vec<float> x) {
  constexpr float kRound = 786432.0f;  // 1.5 * 2^19: rounds to sixteenths what is added to it
  // ln 2 in two parts: with sixteenths more bits of the first have to be 0 than above.
  constexpr float kLn2High = 0.693359375f, kLn2Low = -2.12194440054690583e-4f;
  const Vec<float> sum = x * (Times * ExpConstants<float>::kLog2e) + kRound, n = sum - kRound;
  const Vec<float> rest = (x - n * (kLn2High / Times)) - n * (kLn2Low / Times);
  const auto j = reinterpret_cast<__m512i>(sum);  // in its last four bits
  return {_mm512_scalef_ps(_mm512_permutexvar_ps(j, load(kPowers)), n),
          _mm512_permutexvar_ps(j, load(kPowerErrors)),
          rest};
}

#endif

// exp(x) / (exp(x) + 1). Beyond the bounds it is 0 or 1, to all places.
template <class T>
MASKED_RNN_INLINE Vec<T> sigmoid(Vec<T> x) {
  using C = ExpConstants<T>;
  x = within<T>(x, C::kZero, C::kLarge);
#if MASKED_RNN_VECTOR_BYTES == 64
  if constexpr (sizeof(T) == 4) {
    const TableExp e = exp_by_table<1>(x);
    const Vec<T> higher = e.rest * T(1.0 / 6) + T(0.5);
    const Vec<T> tail = e.rest * e.rest * higher + (e.rest + e.error);
    const Vec<T> power = e.power * tail + e.power;
    return power / (power + 1);
  }
#endif
  // Both 2^64 times as large: the quotient alone may be smaller than any normal number.
  const Exp<T> e = exp_in_parts<T>(x, /*raised=*/64);
  const Vec<T> power = e.scale * e.tail + e.scale;
  return power / (power + static_cast<T>(0x1p64));
}

// expm1(2x) / (expm1(2x) + 2). Beyond the bounds it is -1 or 1, to all places.
template <class T>
MASKED_RNN_INLINE Vec<T> tanh(Vec<T> x) {
  constexpr T kBound = ExpConstants<T>::kLarge / 2;
#if MASKED_RNN_VECTOR_BYTES == 64
  if constexpr (sizeof(T) == 4) {
    // Of -|x|: next to 1 a larger power of the table would cancel out against what is left of x.
    const TableExp e = exp_by_table<2>(_mm512_max_ps(broadcast(-kBound), minus_absolute<T>(x)));
    const Vec<T> higher = e.rest * (e.rest * T(2.0 / 3) + T(4.0 / 3)) + T(2);
    const Vec<T> tail = e.rest * e.rest * higher + (2 * e.rest + e.error);
    // What rounding power - 1 loses is added to the smaller part.
    const Vec<T> less_one = e.power - 1, lost = e.power - (less_one + 1);
    const Vec<T> expm1 = less_one + (e.power * tail + lost);
    return with_sign_of<T>(expm1 / (expm1 + 2), x);
  }
#endif
  const Exp<T> e = exp_in_parts<T>(2 * within<T>(x, -kBound, kBound), /*raised=*/0);
  const Vec<T> expm1 = e.scale * e.tail + (e.scale - 1);
  return expm1 / (expm1 + 2);
}

}  // namespace
}  // namespace masked_rnn
