// What matrix tiles multiply: bfloat16. A number of a bfloat16 layer is rounded to one. A float32 is
// the sum of three pieces, without remainder; of the nine products of two numbers' pieces the six
// largest are added up in float32. What is left out is at most 2^-24 of the product, as much as the
// rounding of one multiply-add. Tiles take numbers below 2^-126 for 0, so that smaller pieces, the last bits
// of numbers below 2^-110, are lost.
#pragma once

#include <masked_rnn/csrc/vec/operands.h>

namespace masked_rnn {
namespace {

#ifdef MASKED_RNN_BFLOAT16_PRODUCTS

constexpr int kPieces = 1;

MASKED_RNN_INLINE void split_along(Vec<float> first, Vec<float> second, Vec<float> (&to)[kPieces]) {
  to[0] = (Vec<float>)_mm512_cvtne2ps_pbh(second, first);
}

MASKED_RNN_INLINE void split_across(Vec<float> first,
                                    Vec<float> second,
                                    Vec<float> (&to)[kPieces]) {
  const auto wide = [](Vec<float> row) {
    return _mm512_cvtepu16_epi32((__m256i)_mm512_cvtneps_pbh(row));
  };
  to[0] = (Vec<float>)_mm512_or_si512(wide(first), _mm512_slli_epi32(wide(second), 16));
}

// As bfloat16 rounds them, whatever they are.
struct Magnitude {
  void see(Vec<float>) {}
  static constexpr bool wild() { return false; }
};

#else

constexpr int kPieces = 3;

// The nearest bfloat16, in the upper half of a float whose lower half is zero.
MASKED_RNN_INLINE Vec<float> rounded(Vec<float> x) {
  const __m512i half = _mm512_set1_epi32(0x8000), upper = _mm512_set1_epi32(-0x10000);
  return (Vec<float>)_mm512_and_si512(_mm512_add_epi32((__m512i)x, half), upper);
}

// Both differences are exact, and what is left at last is a bfloat16. The largest floats, which would be
// rounded to infinity, begin with the largest bfloat16.
MASKED_RNN_INLINE void split(Vec<float> x, Vec<float> (&pieces)[kPieces]) {
  constexpr int kSmallerMagnitude = 0b0010;  // with the sign of the first
  pieces[0] = _mm512_range_ps(rounded(x), _mm512_set1_ps(0x1.fep127F), kSmallerMagnitude);
  const Vec<float> left = x - pieces[0];
  pieces[1] = rounded(left);
  pieces[2] = left - pieces[1];
}

// The upper halves of floats of two vectors, in the order of `places`.
MASKED_RNN_INLINE Vec<float> upper_halves(Vec<float> a,
                                          Vec<float> b,
                                          const uint16_t (&places)[32]) {
  return (Vec<float>)_mm512_permutex2var_epi16((__m512i)a, _mm512_loadu_si512(places), (__m512i)b);
}

// Pieces of 32 consecutive numbers, in their order.
MASKED_RNN_INLINE void split_along(Vec<float> first, Vec<float> second, Vec<float> (&to)[kPieces]) {
  static constexpr uint16_t kOneAfterTheOther[32] = {1,  3,  5,  7,  9,  11, 13, 15, 17, 19, 21,
                                                     23, 25, 27, 29, 31, 33, 35, 37, 39, 41, 43,
                                                     45, 47, 49, 51, 53, 55, 57, 59, 61, 63};
  Vec<float> a[kPieces], b[kPieces];
  split(first, a);
  split(second, b);
  for (int piece = 0; piece < kPieces; ++piece) {
    to[piece] = upper_halves(a[piece], b[piece], kOneAfterTheOther);
  }
}

// Pieces of 16 numbers of two rows, by pairs of what stands below each other.
MASKED_RNN_INLINE void split_across(Vec<float> first,
                                    Vec<float> second,
                                    Vec<float> (&to)[kPieces]) {
  static constexpr uint16_t kByTurns[32] = {1,  33, 3,  35, 5,  37, 7,  39, 9,  41, 11,
                                            43, 13, 45, 15, 47, 17, 49, 19, 51, 21, 53,
                                            23, 55, 25, 57, 27, 59, 29, 61, 31, 63};
  Vec<float> a[kPieces], b[kPieces];
  split(first, a);
  split(second, b);
  for (int piece = 0; piece < kPieces; ++piece) {
    to[piece] = upper_halves(a[piece], b[piece], kByTurns);
  }
}

// Whether among some numbers there are any of which pieces, or products of pieces, might not be finite:
// infinities, and whatever is 2^63 or more. (Pieces of NaN are NaN.)
class Magnitude {
 public:
  MASKED_RNN_INLINE void see(Vec<float> x) {
    constexpr int kLargerMagnitude = 0b1011;  // and the number rather than NaN
    largest_ = _mm512_range_ps(largest_, x, kLargerMagnitude);
  }
  bool wild() const { return _mm512_reduce_max_ps(largest_) >= 0x1p63F; }

 private:
  __m512 largest_ = _mm512_setzero_ps();
};

#endif

}  // namespace
}  // namespace masked_rnn
