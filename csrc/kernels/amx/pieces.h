// What matrix tiles multiply: bfloat16. A number of a bfloat16 layer is rounded to one. A float32 is
// the sum of three pieces, without remainder; of the nine products of two numbers' pieces the six
// largest are added up in float32. What is left out is at most 2^-24 of the product, as much as the
// rounding of one multiply-add. Tiles take numbers below 2^-126 for 0, so that smaller pieces, the last bits
// of numbers below 2^-110, are lost.
//
// Tiles multiply terms by pairs: split_pairs makes the pieces of 32 terms in two vectors, of which number i
// of the first stands beside number i of the second.
#pragma once

#include <masked_rnn/csrc/vec/operands.h>

namespace masked_rnn {
namespace {

#ifdef MASKED_RNN_BFLOAT16_PRODUCTS

constexpr int kPieces = 1;

MASKED_RNN_INLINE void split_pairs(Vec<float> first, Vec<float> second, Vec<float> (&to)[kPieces]) {
  static constexpr uint16_t kByTurns[32] = {0,  16, 1,  17, 2,  18, 3,  19, 4,  20, 5,
                                            21, 6,  22, 7,  23, 8,  24, 9,  25, 10, 26,
                                            11, 27, 12, 28, 13, 29, 14, 30, 15, 31};
  const auto both = (__m512i)_mm512_cvtne2ps_pbh(second, first);
  to[0] = (Vec<float>)_mm512_permutexvar_epi16(_mm512_loadu_si512(kByTurns), both);
}

// As bfloat16 rounds them, whatever they are.
struct Magnitude {
  void see(Vec<float>) {}
  static constexpr bool wild() { return false; }
};

#else

constexpr int kPieces = 3;

// A bfloat16 is the upper half of a float whose lower half is zero.
MASKED_RNN_INLINE Vec<float> upper_half(Vec<float> x) {
  return (Vec<float>)_mm512_and_si512((__m512i)x, _mm512_set1_epi32(-0x10000));
}

// The nearest one.
MASKED_RNN_INLINE Vec<float> rounded(Vec<float> x) {
  return upper_half((Vec<float>)_mm512_add_epi32((__m512i)x, _mm512_set1_epi32(0x8000)));
}

// Both differences are exact, and what is left at last is a bfloat16. The largest floats, which would be
// rounded to infinity, begin with the largest bfloat16. (The second piece may be cut off rather than
// rounded: that makes the third one at most 2^-16 of the number.)
MASKED_RNN_INLINE void split(Vec<float> x, Vec<float> (&pieces)[kPieces]) {
  constexpr int kSmallerMagnitude = 0b0010;  // with the sign of the first
  pieces[0] = _mm512_range_ps(rounded(x), _mm512_set1_ps(0x1.fep127F), kSmallerMagnitude);
  const Vec<float> left = x - pieces[0];
  pieces[1] = upper_half(left);
  pieces[2] = left - pieces[1];
}

MASKED_RNN_INLINE void split_pairs(Vec<float> first, Vec<float> second, Vec<float> (&to)[kPieces]) {
  Vec<float> a[kPieces], b[kPieces];
  split(first, a);
  split(second, b);
  for (int piece = 0; piece < kPieces; ++piece) {
    to[piece] =
        (Vec<float>)_mm512_or_si512(_mm512_srli_epi32((__m512i)a[piece], 16), (__m512i)b[piece]);
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
