// Tiles made in small steps, between the products of others: a processor computes beside its tiles, but
// where more than some 64 instructions stand between two groups of products, these wait for them.
#pragma once

#include <masked_rnn/csrc/kernels/amx/tiles.h>

namespace masked_rnn {
namespace {

// While a square is computed, the one that comes then is fetched, and with each group of products a few
// steps of some work are done.
template <class Work>
struct NextSquareAndWork : NextSquare {
  Work& work;
  int64_t steps;

  MASKED_RNN_INLINE void with_products() { work.do_steps(steps); }
};

// 32 rows of 16 numbers, or 16 rows of 32, of which the columns become lines of a tile.
class Columns {
 public:
  static constexpr int64_t kQuads = 2 * kTileSide / 4;

  // Rows 4*quad to 4*quad + 3 of 16 numbers, or of rows of 32 the first half, then the second. From the
  // first of the four on, as far as they exist, and their numbers as far as they exist; else 0.
  MASKED_RNN_INLINE void take(
      int64_t quad, const float* from, int64_t stride, int64_t rows, int64_t columns) {
    __m512 row[4];
#pragma GCC unroll 4
    for (int64_t i = 0; i < 4; ++i) {
      row[i] = i >= rows                  ? _mm512_setzero_ps()
               : columns >= kLanes<float> ? (__m512)load(from + i * stride)
                                          : (__m512)load(from + i * stride, columns);
    }
    const __m512d low = (__m512d)_mm512_unpacklo_ps(row[0], row[1]);
    const __m512d high = (__m512d)_mm512_unpackhi_ps(row[0], row[1]);
    const __m512d low_then = (__m512d)_mm512_unpacklo_ps(row[2], row[3]);
    const __m512d high_then = (__m512d)_mm512_unpackhi_ps(row[2], row[3]);
    // In each 128 bits c of vector i four rows' column 4*c + i.
    _mm512_store_pd(quads_[quad][0], _mm512_unpacklo_pd(low, low_then));
    _mm512_store_pd(quads_[quad][1], _mm512_unpackhi_pd(low, low_then));
    _mm512_store_pd(quads_[quad][2], _mm512_unpacklo_pd(high, high_then));
    _mm512_store_pd(quads_[quad][3], _mm512_unpackhi_pd(high, high_then));
  }

  // Column m of the first 16 rows, or halves of rows, and of the others.
  MASKED_RNN_INLINE Vec<float> first(int64_t m) const { return of_quads(0, m); }
  MASKED_RNN_INLINE Vec<float> second(int64_t m) const { return of_quads(kQuads / 2, m); }

 private:
  MASKED_RNN_INLINE Vec<float> of_quads(int64_t quad, int64_t m) const {
    const auto part = [&](int64_t i) __attribute__((always_inline)) {
      return _mm_load_ps(quads_[quad + i][m % 4] + m / 4 * 4);
    };
    __m512 all = _mm512_castps128_ps512(part(0));
    all = _mm512_insertf32x4(all, part(1), 1);
    all = _mm512_insertf32x4(all, part(2), 2);
    return (Vec<float>)_mm512_insertf32x4(all, part(3), 3);
  }

  alignas(64) float quads_[kQuads][4][kLanes<float>];
};

// Steps that take the rows of Columns, two quads each, then those that make a tile's lines.
constexpr int64_t kStepsOfColumns = Columns::kQuads / 2;
constexpr int64_t kStepsOfTile = kStepsOfColumns + kTileSide;

}  // namespace
}  // namespace masked_rnn
