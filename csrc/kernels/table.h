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
constexpr Kernels<T> table() {
  using Tanh = RnnCell<T, TanhActivation<T>>;
  using Relu = RnnCell<T, ReluActivation<T>>;
  return {kLanes<T>,
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
          map<T, tanh<T>>,
          map<T, sigmoid<T>>};
}

}  // namespace
}  // namespace masked_rnn
