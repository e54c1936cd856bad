// Gradients of weights and biases: sums over all rows, in an order that depends on nothing but the
// lengths.
#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <vector>

namespace masked_rnn {

// The rows that a gradient of weights multiplies with the gates' gradients, and where it goes.
template <class T>
struct WeightSide {
  const T* const* rows;  // [rows] -> [N]
  at::Tensor grad;       // [M, N], contiguous rows
};

// For each side grad = sum over rows of (row of grad_gates [rows, M], `stride` apart)^T (row of the
// side).
template <class T>
void weight_gradient(int64_t rows,
                     const T* grad_gates,
                     int64_t stride,
                     int64_t M,
                     const std::vector<WeightSide<T>>& sides);

// grad [M, V] += grad_gates row at column index of each row: the same with one-hot vectors.
template <class T>
void one_hot_weight_gradient(const std::vector<int64_t>& indices,
                             const T* grad_gates,
                             int64_t stride,
                             const at::Tensor& grad);

// grad [M] = sum over rows of grad_gates [rows, M].
template <class T>
void bias_gradient(int64_t rows, const T* grad_gates, int64_t stride, const at::Tensor& grad);

}  // namespace masked_rnn
