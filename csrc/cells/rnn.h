// The vanilla RNN's pointwise mathematics: h = act(W_ih x + W_hh h_prev + biases).
#pragma once

#include <masked_rnn/csrc/kernels/step.h>
#include <masked_rnn/csrc/vec/activations.h>

namespace masked_rnn {
namespace {

template <class T>
struct TanhActivation {
  MASKED_RNN_INLINE static Vec<T> forward(Vec<T> x) { return tanh<T>(x); }
  MASKED_RNN_INLINE static Vec<T> backward(Vec<T> grad, Vec<T> y) { return grad * (1 - y * y); }
};

template <class T>
struct ReluActivation {
  MASKED_RNN_INLINE static Vec<T> forward(Vec<T> x) { return x <= 0 ? Vec<T>{} : x; }  // keeps NaN
  MASKED_RNN_INLINE static Vec<T> backward(Vec<T> grad, Vec<T> y) {
    return y > 0 ? grad : Vec<T>{};
  }
};

template <class T, class Activation>
struct RnnCell {
  static constexpr int kSaved = 0;  // vectors of H that a row keeps
  static constexpr int kGates = 1;
  static constexpr bool kStateIsSaved = false;  // of the step before, among what it saved

  template <int R, class Extent>
  MASKED_RNN_INLINE static void forward(const StepArguments<T>& s,
                                        int64_t first,
                                        int64_t j,
                                        const Extent& extent,
                                        const Vec<T>* sum,
                                        int64_t sum_stride) {
    for (int64_t r = 0; r < R; ++r) {
      const Vec<T> x = extent.load(s.gates + (first + r) * s.gates_stride + j);
      extent.store(s.h[first + r] + j, Activation::forward(x + sum[r * sum_stride]));
    }
  }

  // The state that the derivative of a row reads.
  static const T* state_row(const StepBackwardArguments<T>& s, int64_t row) { return s.h[row]; }

  template <class Extent>
  static void backward(const StepBackwardArguments<T>& s,
                       int64_t r,
                       int64_t j,
                       const Extent& extent) {
    const Vec<T> grad = gradient_of_h(s, r, j, extent);
    extent.store(s.grad_gates + r * s.grad_gates_stride + j,
                 Activation::backward(grad, extent.load(state_row(s, r) + j)));
  }
};

}  // namespace
}  // namespace masked_rnn
