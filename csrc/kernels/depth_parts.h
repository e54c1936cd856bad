// The parts in which products add up what they multiply.
#pragma once

#include <masked_rnn/csrc/kernels/kernels.h>

namespace masked_rnn {
namespace {

// Products deeper than kDepthAtOnce operands are summed up in equal parts of at most kDepthPart, each
// from zero: that halves the rounding error of the longest, and a block of so many rows of k stays in
// the second-level cache while every tile reads it. Shorter parts cost more than they gain: 9% at 128.
constexpr int64_t kDepthAtOnce = 256;
constexpr int64_t kDepthPart = 192;

struct DepthParts {
  int64_t depth;  // in operands
  int64_t count = depth <= kDepthAtOnce ? 1 : (depth + kDepthPart - 1) / kDepthPart;

  // Of part `count`, the end.
  int64_t first(int64_t part) const { return depth * part / count; }

  // Whether a part's sums are added to those of others, or to what is accumulated to.
  template <class T>
  bool is_added(const ProductArguments<T>& p, int64_t part) const {
    return p.accumulate || part != (p.backwards ? count - 1 : 0);
  }
};

}  // namespace
}  // namespace masked_rnn
