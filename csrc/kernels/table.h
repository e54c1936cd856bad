// The table of one level. Included once by each file that is compiled for an instruction set.
#pragma once

#include <masked_rnn/csrc/cells/gru.h>
#include <masked_rnn/csrc/cells/lstm.h>
#include <masked_rnn/csrc/cells/rnn.h>
#include <masked_rnn/csrc/kernels/outer.h>
#include <masked_rnn/csrc/kernels/product.h>
#include <masked_rnn/csrc/kernels/step.h>

namespace masked_rnn {
namespace {

template <class T, Vec<T> function(Vec<T>)>
void map(int64_t n, const T* x, T* y) {
  for_units<T>(0, n, [&](const auto& extent, int64_t i) {
    extent.store(y + i, function(extent.load(x + i)));
  });
}

inline void fingerprint(size_t left, const void* x, uint32_t* words, bool cold) {
  typedef uint32_t Words __attribute__((vector_size(MASKED_RNN_VECTOR_BYTES)));
  constexpr int kVectors = kFingerprintWords * sizeof(uint32_t) / sizeof(Words);
  constexpr uint32_t kOdd = 0x9e3779b1;
  Words sum[kVectors];
  std::memcpy(sum, words, sizeof(sum));
  const auto add = [&](const char* bytes) {
#pragma GCC unroll 16
    for (int i = 0; i < kVectors; ++i) {
      Words part;
      std::memcpy(&part, bytes + i * sizeof(Words), sizeof(Words));
      sum[i] = sum[i] * kOdd + part;
    }
  };
  const auto* bytes = static_cast<const char*>(x);
  // What comes so much later: processors foresee what is read next within a page of memory only.
  constexpr size_t kAhead = 2048;
  for (; left >= sizeof(sum); left -= sizeof(sum), bytes += sizeof(sum)) {
    for (size_t i = 0; cold && i < sizeof(sum); i += kLine<char>) {
      __builtin_prefetch(bytes + kAhead + i);
    }
    add(bytes);
  }
  if (left > 0) {
    char filled[sizeof(sum)] = {};
    std::memcpy(filled, bytes, left);
    add(filled);
  }
  std::memcpy(words, sum, sizeof(sum));
}

template <class T>
constexpr Kernels<T> table() {
  using Tanh = RnnCell<T, TanhActivation<T>>;
  using Relu = RnnCell<T, ReluActivation<T>>;
  constexpr Products<T> products{block_units<T>,
                                 packed_size<T>,
                                 is_packed<T>,
                                 pack<T>,
                                 product<T>,
                                 /*reads_rows=*/kTerms == 1};
  return {kLanes<T>,
          products,
          products,
          kAheadDepth,
          step<T, Tanh>,
          step<T, Relu>,
          step<T, GruCell<T>>,
          step<T, LstmCell<T>>,
          step_backward<T, Tanh>,
          step_backward<T, Relu>,
          step_backward<T, GruCell<T>>,
          step_backward<T, LstmCell<T>>,
          kOuterScratchSize,
          outer_side_size<T>,
          pack_outer_side<T>,
          outer<T>,
          column_sums<T>,
          add<T>,
          clear<T>,
          fingerprint,
          map<T, tanh<T>>,
          map<T, sigmoid<T>>};
}

}  // namespace
}  // namespace masked_rnn
