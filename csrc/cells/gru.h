// The GRU's pointwise mathematics (Cho et al. 2014, reset gate after the product, as torch.nn.GRU):
// h = (1 - z) * n + z * h_prev, n = tanh(x_n + r * (W_hn h_prev + b_hn)).
#pragma once

#include <masked_rnn/csrc/kernels/kernels.h>
#include <masked_rnn/csrc/vec/activations.h>

namespace masked_rnn {
namespace {

template <class T>
struct GruCell {
  static constexpr int kGates = 3;

  // W_hn h starts from its own bias, which the reset gate multiplies.
  template <class Extent>
  static Vec<T> initial(const StepArguments<T>& s, int gate, int64_t j, const Extent& extent) {
    return gate == 2 && s.bias_hn != nullptr ? extent.load(s.bias_hn + j) : Vec<T>{};
  }

  template <class Extent>
  static void forward(
      const StepArguments<T>& s, int64_t row, int64_t j, const Extent& extent, const Vec<T>* sum) {
    const int64_t H = s.hidden;
    const T* x = s.gates + row * s.gates_stride + j;
    const Vec<T> r = sigmoid<T>(extent.load(x) + sum[0]);
    const Vec<T> z = sigmoid<T>(extent.load(x + H) + sum[1]);
    const Vec<T> n = tanh<T>(extent.load(x + 2 * H) + r * sum[2]);
    const Vec<T> h_prev = extent.load(s.h_prev[row] + j);
    extent.store(s.h[row] + j, (1 - z) * n + z * h_prev);
    if (s.saved != nullptr) {
      T* saved = s.saved + row * s.saved_stride + j;
      extent.store(saved, r);
      extent.store(saved + H, z);
      extent.store(saved + 2 * H, n);
      extent.store(saved + 3 * H, sum[2]);
    }
  }

  template <class Extent>
  static void backward(const StepBackwardArguments<T>& s,
                       int64_t row,
                       int64_t j,
                       const Extent& extent) {
    const int64_t H = s.hidden;
    const T* saved = s.saved + row * s.saved_stride + j;
    const Vec<T> r = extent.load(saved), z = extent.load(saved + H);
    const Vec<T> n = extent.load(saved + 2 * H), h_n = extent.load(saved + 3 * H);
    const Vec<T> h_prev = extent.load(s.h_prev[row] + j);
    T* grad_h = s.grad_h + row * s.grad_h_stride + j;
    const Vec<T> grad = extent.load(grad_h);
    const Vec<T> grad_n = grad * (1 - z) * (1 - n * n);
    T* out = s.grad_gates + row * s.grad_gates_stride + j;
    extent.store(out, grad_n * h_n * r * (1 - r));
    extent.store(out + H, grad * (h_prev - n) * z * (1 - z));
    extent.store(out + 2 * H, grad_n);
    extent.store(out + 3 * H, grad_n * r);
    extent.store(grad_h, grad * z);
  }
};

}  // namespace
}  // namespace masked_rnn
