// The LSTM's pointwise mathematics (Hochreiter & Schmidhuber 1997, as torch.nn.LSTM):
// c = f * c_prev + i * g, h = o * tanh(c). A projection comes after it, as a product.
#pragma once

#include <masked_rnn/csrc/kernels/step.h>
#include <masked_rnn/csrc/vec/activations.h>

namespace masked_rnn {
namespace {

template <class T>
struct LstmCell {
  static constexpr int kSaved = 5;  // vectors of H that a row keeps
  static constexpr int kGates = 4;
  static constexpr bool kStateIsSaved = true;  // of the step before, among what it saved

  template <int R, class Extent>
  static void forward(const StepArguments<T>& s,
                      int64_t first,
                      int64_t j,
                      const Extent& extent,
                      const Vec<T>* sum,
                      int64_t sum_stride) {
    const int64_t H = s.hidden;
    Vec<T> o[R], c[R];
    for (int64_t r = 0; r < R; ++r, sum += sum_stride) {
      const int64_t row = first + r;
      const T* x = s.gates + row * s.gates_stride + j;
      const Vec<T> i = sigmoid<T>(extent.load(x) + sum[0]);
      const Vec<T> f = sigmoid<T>(extent.load(x + H) + sum[1]);
      const Vec<T> g = tanh<T>(extent.load(x + 2 * H) + sum[2]);
      o[r] = sigmoid<T>(extent.load(x + 3 * H) + sum[3]);
      T* cell = s.c + row * s.c_stride + j;
      c[r] = f * extent.load(cell) + i * g;
      extent.store(cell, c[r]);
      if (s.saved != nullptr) {
        save(s, extent, s.saved[row] + j, {i, f, g, o[r], c[r]});
      }
    }
    // A loop of its own: the rows' chains of operations run side by side.
    for (int64_t r = 0; r < R; ++r) {
      extent.store(s.h[first + r] + j, o[r] * tanh<T>(c[r]));
    }
  }

  // The state that the derivative of a row reads.
  static const T* state_row(const StepBackwardArguments<T>& s, int64_t row) {
    return s.c_prev[row];
  }

  template <class Extent>
  static void backward(const StepBackwardArguments<T>& s,
                       int64_t row,
                       int64_t j,
                       const Extent& extent) {
    const int64_t H = s.hidden;
    const T* saved = s.saved[row] + j;
    const Vec<T> i = extent.load(saved), f = extent.load(saved + H);
    const Vec<T> g = extent.load(saved + 2 * H), o = extent.load(saved + 3 * H);
    const Vec<T> tanh_c = tanh<T>(extent.load(saved + 4 * H));
    const Vec<T> grad_h = gradient_of_h(s, row, j, extent);
    T* grad_c = s.grad_c + row * s.grad_c_stride + j;
    const Vec<T> grad = extent.load(grad_c) + grad_h * o * (1 - tanh_c * tanh_c);
    const Vec<T> c_prev = extent.load(state_row(s, row) + j);
    T* out = s.grad_gates + row * s.grad_gates_stride + j;
    extent.store(out, grad * g * i * (1 - i));
    extent.store(out + H, grad * c_prev * f * (1 - f));
    extent.store(out + 2 * H, grad * i * (1 - g * g));
    extent.store(out + 3 * H, grad_h * tanh_c * o * (1 - o));
    extent.store(grad_c, grad * f);
    if (s.h_raw != nullptr) {
      extent.store(s.h_raw + row * s.h_raw_stride + j, o * tanh_c);
    }
  }
};

}  // namespace
}  // namespace masked_rnn
