// Rows of equal size in one block of memory, as the kernels see them.
#pragma once

#include <ATen/core/Tensor.h>
#include <masked_rnn/csrc/recycled.h>

#include <vector>

namespace masked_rnn {

template <class T>
struct Rows {
  at::Tensor storage;  // keeps the memory alive; undefined for no rows
  T* data = nullptr;
  int64_t stride = 0;

  T* operator[](int64_t row) const { return data + row * stride; }
  explicit operator bool() const { return storage.defined(); }

  // The addresses of the first `count` rows, from `column` on.
  template <class Pointer = T>
  std::vector<Pointer*> pointers(int64_t count, int64_t column = 0) const {
    std::vector<Pointer*> result(count);
    for (int64_t row = 0; row < count; ++row) {
      result[row] = data + row * stride + column;
    }
    return result;
  }
};

// How far apart rows of `size` elements stand: not by a power of two, which would put the same columns
// of all rows into the same few places of a cache.
constexpr int64_t apart(int64_t size) { return (size + 15) / 16 * 16 + 16; }

// Uninitialised.
template <class T>
Rows<T> scratch_rows(int64_t count, int64_t size) {
  const int64_t stride = apart(size);
  auto storage = recycled_empty({count, stride}, c10::CppTypeToScalarType<T>::value);
  T* data = storage.template mutable_data_ptr<T>();
  return {std::move(storage), data, stride};
}

// Of a matrix whose rows are contiguous.
template <class T>
Rows<T> rows_of(const at::Tensor& matrix) {
  return {matrix, matrix.mutable_data_ptr<T>(), matrix.stride(0)};
}

}  // namespace masked_rnn
