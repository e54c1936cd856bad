// The GRU's pointwise mathematics (Cho et al. 2014, reset gate after the product, as torch.nn.GRU):
// h = (1 - z) * n + z * h_prev, n = tanh(x_n + r * (W_hn h_prev + b_hn)).
#pragma once

#include <masked_rnn/csrc/kernels/step.h>
#include <masked_rnn/csrc/vec/activations.h>

namespace masked_rnn {
namespace {

template <class T>
struct GruCell {
  static constexpr int kSaved = 4;  // vectors of H that a row keeps
  static constexpr int kGates = 3;
  static constexpr bool kStateIsSaved = false;  // of the step before, among what it saved

  template <int R, class Extent>
  static void forward(const StepArguments<T>& s,
                      int64_t first,
                      int64_t j,
                      const Extent& extent,
                      const Vec<T>* sum,
                      int64_t sum_stride) {
    const int64_t H = s.hidden;
    const Vec<T> bias = s.bias_hn != nullptr ? extent.load(s.bias_hn + j) : Vec<T>{};
    Vec<T> z[R], before_tanh[R];
    for (int64_t i = 0; i < R; ++i, sum += sum_stride) {
      const int64_t row = first + i;
      const T* x = s.gates + row * s.gates_stride + j;
      const Vec<T> r = sigmoid<T>(extent.load(x) + sum[0]);
      z[i] = sigmoid<T>(extent.load(x + H) + sum[1]);
      const Vec<T> h_n = sum[2] + bias;
      before_tanh[i] = extent.load(x + 2 * H) + r * h_n;
      if (s.saved != nullptr) {
        T* saved = s.saved[row] + j;
        save(s, extent, saved, {r, z[i]});
        save(s, extent, saved + 3 * H, {h_n});
      }
    }
    // A loop of its own: the rows' chains of operations run side by side.
    for (int64_t i = 0; i < R; ++i) {
      const int64_t row = first + i;
      const Vec<T> n = tanh<T>(before_tanh[i]);
      const Vec<T> h_prev = extent.load(s.h_prev[row] + j);
      extent.store(s.h[row] + j, (1 - z[i]) * n + z[i] * h_prev);
      if (s.saved != nullptr) {
        save(s, extent, s.saved[row] + j + 2 * H, {n});
      }
    }
  }

  // The state that the derivative of a row reads.
  static const T* state_row(const StepBackwardArguments<T>& s, int64_t row) {
    return s.h_prev[row];
  }

  template <class Extent>
  static void backward(const StepBackwardArguments<T>& s,
                       int64_t row,
                       int64_t j,
                       const Extent& extent) {
    const int64_t H = s.hidden;
    const T* saved = s.saved[row] + j;
    const Vec<T> r = extent.load(saved), z = extent.load(saved + H);
    const Vec<T> n = extent.load(saved + 2 * H), h_n = extent.load(saved + 3 * H);
    const Vec<T> h_prev = extent.load(state_row(s, row) + j);
    T* grad_h = s.grad_h + row * s.grad_h_stride + j;
    const Vec<T> grad = gradient_of_h(s, row, j, extent);
    const Vec<T> grad_n = grad * (1 - z) * (1 - n * n);
    T* out = s.grad_gates + row * s.grad_gates_stride + j;
    extent.store(out, grad_n * h_n * r * (1 - r));
    extent.store(out + H, grad * (h_prev - n) * z * (1 - z));
    extent.store(out + 2 * H, grad_n * r);
    extent.store(out + 3 * H, grad_n);
    extent.store(grad_h, grad * z);
  }
};

}  // namespace
}  // namespace masked_rnn
