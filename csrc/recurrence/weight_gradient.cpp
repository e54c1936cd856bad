// Gradients of weights and biases; see weight_gradient.h. Threads share out the gradient's rows, not
// the sum's: the order of additions stays the same for any number of them.
#include <masked_rnn/csrc/kernels/kernels.h>
#include <masked_rnn/csrc/parallel.h>
#include <masked_rnn/csrc/recurrence/weight_gradient.h>
#include <masked_rnn/csrc/scratch.h>

#include <algorithm>

namespace masked_rnn {
namespace {

// Calls body(first, last) for parts of 0..count, on as many threads as there are.
template <class Body>
void share_out(int64_t count, const Body& body) {
  const int64_t parts = std::max<int64_t>(1, std::min(num_threads(), count));
  parallel_tasks(parts,
                 [&](int64_t part) { body(count * part / parts, count * (part + 1) / parts); });
}

}  // namespace

template <class T>
void weight_gradient(int64_t rows,
                     const T* grad_gates,
                     int64_t stride,
                     int64_t M,
                     const std::vector<WeightSide<T>>& sides) {
  if (sides.empty()) {
    return;
  }
  share_out(M, [&](int64_t first, int64_t last) {
    const auto& k = kernels<T>();
    const auto panels =
        scratch({k.outer_scratch_size(last - first)}, c10::CppTypeToScalarType<T>::value);
    std::vector<OuterSide<T>> outer_sides;
    for (const auto& side : sides) {
      const int64_t c_stride = side.grad.stride(0);
      outer_sides.push_back({side.rows,
                             side.grad.size(1),
                             side.grad.template mutable_data_ptr<T>() + first * c_stride,
                             c_stride});
    }
    k.outer({rows,
             last - first,
             grad_gates + first,
             stride,
             outer_sides.data(),
             static_cast<int64_t>(outer_sides.size()),
             panels.template mutable_data_ptr<T>()});
  });
}

template <class T>
void one_hot_weight_gradient(const std::vector<int64_t>& indices,
                             const T* grad_gates,
                             int64_t stride,
                             const at::Tensor& grad) {
  T* data = grad.mutable_data_ptr<T>();
  const int64_t stride_m = grad.stride(0), stride_k = grad.stride(1);
  share_out(grad.size(0), [&](int64_t first, int64_t last) {
    for (size_t row = 0; row < indices.size(); ++row) {
      T* column = data + indices[row] * stride_k;
      const T* from = grad_gates + static_cast<int64_t>(row) * stride;
      for (int64_t m = first; m < last; ++m) {
        column[m * stride_m] += from[m];
      }
    }
  });
}

template <class T>
void bias_gradient(int64_t rows, const T* grad_gates, int64_t stride, const at::Tensor& grad) {
  share_out(grad.size(0), [&](int64_t first, int64_t last) {
    kernels<T>().column_sums(
        {rows, last - first, grad_gates + first, stride, grad.mutable_data_ptr<T>() + first});
  });
}

#define MASKED_RNN_INSTANTIATE(T)                                              \
  template void weight_gradient<T>(                                            \
      int64_t, const T*, int64_t, int64_t, const std::vector<WeightSide<T>>&); \
  template void one_hot_weight_gradient<T>(                                    \
      const std::vector<int64_t>&, const T*, int64_t, const at::Tensor&);      \
  template void bias_gradient<T>(int64_t, const T*, int64_t, const at::Tensor&);
MASKED_RNN_INSTANTIATE(float)
MASKED_RNN_INSTANTIATE(double)
#undef MASKED_RNN_INSTANTIATE

}  // namespace masked_rnn
