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

// exp(x) with three operations less and shorter chains than above, where a register holds 2^(j/16) for every
// j: x = (n + j/16) ln 2 + rest, |rest| <= ln(2)/32.
MASKED_RNN_INLINE Vec<float> exp_by_table(Vec<float> x) {
  constexpr float kRound = 786432.0f;  // 1.5 * 2^19: rounds to sixteenths what is added to it
  // ln 2 in two parts: with sixteenths more bits of the first have to be 0 than above.
  constexpr float kLn2High = 0.693359375f, kLn2Low = -2.12194440054690583e-4f;
  const Vec<float> sum = x * ExpConstants<float>::kLog2e + kRound, n = sum - kRound;
  const Vec<float> rest = (x - n * kLn2High) - n * kLn2Low;
  const auto j = reinterpret_cast<__m512i>(sum);  // in its last four bits
  const Vec<float> power = _mm512_scalef_ps(_mm512_permutexvar_ps(j, load(kPowers)), n);
  const Vec<float> error = _mm512_permutexvar_ps(j, load(kPowerErrors));
  const Vec<float> higher = rest * (1.0f / 6) + 0.5f;
  const Vec<float> tail = rest * rest * higher + (rest + error);
  return power * tail + power;
}

// tanh(j * step) and its slope there, for as many j as two registers hold. The step is such that the smaller
// values, from which results of half their size come, are hardly rounded. At the last place tanh is 1 to all
// places.
constexpr float kTanhStep = 0x1.26fb4ap-2f;
alignas(64) constexpr float kTanhValues[32] = {
    0.0f,           0x1.1f158ap-2f, 0x1.0a29f2p-1f, 0x1.6596f4p-1f, 0x1.a31320p-1f, 0x1.c99bb6p-1f,
    0x1.e0b33ep-1f, 0x1.ee2b32p-1f, 0x1.f5e690p-1f, 0x1.fa4c82p-1f, 0x1.fcc9aap-1f, 0x1.fe3128p-1f,
    0x1.fefba6p-1f, 0x1.ff6d9ap-1f, 0x1.ffadb2p-1f, 0x1.ffd1bcp-1f, 0x1.ffe5fep-1f, 0x1.fff162p-1f,
    0x1.fff7c8p-1f, 0x1.fffb62p-1f, 0x1.fffd68p-1f, 0x1.fffe8ap-1f, 0x1.ffff2ep-1f, 0x1.ffff8ap-1f,
    0x1.ffffbep-1f, 0x1.ffffdap-1f, 0x1.ffffecp-1f, 0x1.fffff4p-1f, 0x1.fffffap-1f, 0x1.fffffcp-1f,
    0x1.fffffep-1f, 0x1.000000p+0f};
alignas(64) constexpr float kTanhSlopes[32] = {
    0x1.000000p+0f,  0x1.d7c1d6p-1f,  0x1.75a266p-1f,  0x1.0640d2p-1f,  0x1.51f862p-2f,
    0x1.9c0560p-3f,  0x1.e57d70p-4f,  0x1.18550ep-4f,  0x1.3ffe08p-5f,  0x1.6ad75ap-6f,
    0x1.99e0b4p-7f,  0x1.ce067ap-8f,  0x1.04173ep-8f,  0x1.24a182p-9f,  0x1.491de2p-10f,
    0x1.72128cp-11f, 0x1.a0131ap-12f, 0x1.d3c372p-13f, 0x1.06ed42p-13f, 0x1.279294p-14f,
    0x1.4c448ap-15f, 0x1.75841cp-16f, 0x1.a3e228p-17f, 0x1.d80176p-18f, 0x1.094c7ep-18f,
    0x1.2a3b2cp-19f, 0x1.4f4058p-20f, 0x1.78ddecp-21f, 0x1.a7a5f2p-22f, 0x1.dc3c92p-23f,
    0x1.0bad2ap-23f, 0x1.2ce756p-24f};

// table[j] for the last five bits of each number of `j`.
MASKED_RNN_INLINE Vec<float> look_up(const float (&table)[32], __m512i j) {
  return _mm512_permutex2var_ps(load(table), j, load(table + 16));
}

// tanh(x) = T + (1 - T^2) t / (1 + T t) for x = j * step + rest, T = tanh(j * step), t = tanh(rest).
MASKED_RNN_INLINE Vec<float> tanh_by_table(Vec<float> x) {
  constexpr float kRound = Format<float>::kRound, kBound = 9.02f;
  const Vec<float> size = _mm512_min_ps(broadcast(kBound), absolute<float>(x));
  const Vec<float> sum = size * (1 / kTanhStep) + kRound, n = sum - kRound;
  const Vec<float> rest = size - n * kTanhStep, square = rest * rest;
  // By the polynomial with the least relative error, 1.9e-8.
  const Vec<float> t = rest * square * (square * 0x1.0de7acp-3f - 0x1.5552bep-2f) + rest;
  const auto j = reinterpret_cast<__m512i>(sum);  // in its last bits
  const Vec<float> value = look_up(kTanhValues, j), slope = look_up(kTanhSlopes, j);
  return with_sign_of<float>(value + slope * t / (value * t + 1), x);
}

#endif

// exp(x) / (exp(x) + 1). Beyond the bounds it is 0 or 1, to all places.
template <class T>
MASKED_RNN_INLINE Vec<T> sigmoid(Vec<T> x) {
  using C = ExpConstants<T>;
  x = within<T>(x, C::kZero, C::kLarge);
#if MASKED_RNN_VECTOR_BYTES == 64
  if constexpr (sizeof(T) == 4) {
    const Vec<T> power = exp_by_table(x);
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
    return tanh_by_table(x);
  }
#endif
  const Exp<T> e = exp_in_parts<T>(2 * within<T>(x, -kBound, kBound), /*raised=*/0);
  const Vec<T> expm1 = e.scale * e.tail + (e.scale - 1);
  return expm1 / (expm1 + 2);
}

}  // namespace
}  // namespace masked_rnn
