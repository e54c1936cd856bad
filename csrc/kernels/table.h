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

template <class T>
void fingerprint(int64_t n, const T* x, uint32_t* words) {
  constexpr int64_t W = kFingerprintWords, kBytes = W * static_cast<int64_t>(sizeof(uint32_t));
  constexpr uint32_t kOdd = 0x9e3779b1;
  uint32_t sum[W];
  std::memcpy(sum, words, kBytes);
  const auto* bytes = reinterpret_cast<const char*>(x);
  const auto add = [&](const uint32_t(&part)[W]) {
    for (int64_t i = 0; i < W; ++i) {
      sum[i] = sum[i] * kOdd + part[i];
    }
  };
  int64_t left = n * static_cast<int64_t>(sizeof(T));
  for (; left >= kBytes; left -= kBytes, bytes += kBytes) {
    uint32_t part[W];
    std::memcpy(part, bytes, kBytes);
    add(part);
  }
  if (left > 0) {
    uint32_t part[W] = {};
    std::memcpy(part, bytes, left);
    add(part);
  }
  std::memcpy(words, sum, kBytes);
}

template <class T>
constexpr Kernels<T> table() {
  using Tanh = RnnCell<T, TanhActivation<T>>;
  using Relu = RnnCell<T, ReluActivation<T>>;
  return {kLanes<T>,
          block_units<T>,
          packed_size<T>,
          pack<T>,
          product<T>,
          step<T, Tanh>,
          step<T, Relu>,
          step<T, GruCell<T>>,
          step<T, LstmCell<T>>,
          step_backward<T, Tanh>,
          step_backward<T, Relu>,
          step_backward<T, GruCell<T>>,
          step_backward<T, LstmCell<T>>,
          outer_scratch_size<T>,
          outer<T>,
          column_sums<T>,
          add<T>,
          fingerprint<T>,
          map<T, tanh<T>>,
          map<T, sigmoid<T>>};
}

}  // namespace
}  // namespace masked_rnn
