// The left side of outer products as the tiles read it: where it is or, if operands hold several rows,
// copied to panels.
#pragma once

#include <masked_rnn/csrc/kernels/tile.h>

namespace masked_rnn {
namespace {

// Operands in one partial sum: each starts from zero, then is added to the others. One sequential sum
// had several times the rounding error of torch.nn's gradients.
constexpr int64_t kSummedOperands = 64;

// So many rows, and so many columns of the left side, at a time: a block of the right side stays in the
// first-level cache, the sums of all columns in the second.
constexpr int64_t kOuterRows = kSummedOperands * kTerms;
constexpr int64_t kOuterColumns = 192;

constexpr int kPanelColumns = kTileRows<kBlockVectors>;  // of one tile
static_assert(kOuterColumns % kPanelColumns == 0);

// Operand k of column m of panel i: panels[i * next_panel + k * next_operand + m].
template <class T>
struct LeftSide {
  const T* panels;
  int64_t next_panel, next_operand;
};

#ifdef MASKED_RNN_BFLOAT16_PRODUCTS

// An operand of a panel is kPanelColumns numbers, copied kCopied at a time: what that writes too much
// the next one overwrites, or stands behind the last one.
static_assert(kPanelColumns <= kCopied);
constexpr int64_t kPanelSize = kPanelColumns * kSummedOperands + kCopied;
constexpr int64_t kOuterScratchSize = kOuterColumns / kPanelColumns * kPanelSize;

// Of a[row][m], rows `stride` apart.
template <class T>
LeftSide<T> left_side(const T* a, int64_t stride, int64_t rows, int64_t M, T* scratch) {
  // So few rows at a time that what is read of them stays in the first-level cache.
  constexpr int64_t kRowsAtOnce = 8;
  for (int64_t first = 0; first < rows; first += kRowsAtOnce) {
    const int64_t last = rows - first < kRowsAtOnce ? rows : first + kRowsAtOnce;
    T* panel = scratch;
    for (int64_t m = 0; m < M; m += kPanelColumns, panel += kPanelSize) {
      const int64_t here = M - m < kPanelColumns ? M - m : kPanelColumns;
      for (int64_t row = first; row < last; row += kTerms) {
        const T* from = a + row * stride + m;
        T* to = panel + row / kTerms * kPanelColumns;
        const T* second = row + 1 < rows ? from + stride : nullptr;
        if (m + kCopied <= M) {
          copy_operands_across(from, second, to);
        } else {
          for (int64_t i = 0; i < here; ++i) {
            to[i] = operand(from + i, from_number(second, i));
          }
        }
      }
    }
  }
  return {scratch, kPanelSize, kPanelColumns};
}

#else

constexpr int64_t kOuterScratchSize = 0;

template <class T>
LeftSide<T> left_side(const T* a, int64_t stride, int64_t /*rows*/, int64_t /*M*/, T* /*scratch*/) {
  return {a, kPanelColumns, stride};
}

#endif

}  // namespace
}  // namespace masked_rnn
