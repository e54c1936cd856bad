// The vanilla RNN's pointwise mathematics: h = act(W_ih x + W_hh h_prev + biases).
#pragma once

#include <masked_rnn/csrc/kernels/kernels.h>
#include <masked_rnn/csrc/vec/activations.h>

namespace masked_rnn {
namespace {

template <class T>
struct TanhActivation {
  static Vec<T> forward(Vec<T> x) { return tanh<T>(x); }
  static Vec<T> backward(Vec<T> grad, Vec<T> y) { return grad * (1 - y * y); }
};

template <class T>
struct ReluActivation {
  static Vec<T> forward(Vec<T> x) { return x <= 0 ? Vec<T>{} : x; }  // keeps NaN
  static Vec<T> backward(Vec<T> grad, Vec<T> y) { return y > 0 ? grad : Vec<T>{}; }
};

template <class T, class Activation>
struct RnnCell {
  static constexpr int kGates = 1;

  // sum holds W_hh h for one vector of hidden units from j on; row r of the step.
  template <class Extent>
  static void forward(
      const StepArguments<T>& s, int64_t r, int64_t j, const Extent& extent, const Vec<T>* sum) {
    const Vec<T> x = extent.load(s.gates + r * s.gates_stride + j);
    extent.store(s.h[r] + j, Activation::forward(x + sum[0]));
  }

  template <class Extent>
  static void backward(const StepBackwardArguments<T>& s,
                       int64_t r,
                       int64_t j,
                       const Extent& extent) {
    const Vec<T> grad = extent.load(s.grad_h + r * s.grad_h_stride + j);
    extent.store(s.grad_gates + r * s.grad_gates_stride + j,
                 Activation::backward(grad, extent.load(s.h[r] + j)));
  }

  static Vec<T> initial(const StepArguments<T>&, int, int64_t, const auto&) { return Vec<T>{}; }
};

}  // namespace
}  // namespace masked_rnn
