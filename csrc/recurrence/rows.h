// Rows of equal size in one block of memory, as the kernels see them.
#pragma once

#include <ATen/core/Tensor.h>
#include <masked_rnn/csrc/recycled.h>

#include <vector>

namespace masked_rnn {

// Does not own them; null for no rows.
template <class T>
struct Rows {
  T* data = nullptr;
  int64_t stride = 0;

  T* operator[](int64_t row) const { return data + row * stride; }
  Rows from(int64_t row) const { return {data + row * stride, stride}; }
  explicit operator bool() const { return data != nullptr; }

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

// Rows from `column` on: the pointers themselves, or `shifted`, which is filled with what is needed.
template <class Pointer>
Pointer const* from_column(Pointer const* rows,
                           int64_t count,
                           int64_t column,
                           std::vector<Pointer>& shifted) {
  if (column == 0) {
    return rows;
  }
  shifted.assign(rows, rows + count);
  for (Pointer& row : shifted) {
    row += column;
  }
  return shifted.data();
}

// Of a matrix whose rows are contiguous.
template <class T>
Rows<T> rows_of(const at::Tensor& matrix) {
  return {matrix.mutable_data_ptr<T>(), matrix.stride(0)};
}

// How far apart rows of `size` elements stand: not by a power of two, which would put the same columns
// of all rows into the same few places of a cache.
constexpr int64_t apart(int64_t size) { return (size + 15) / 16 * 16 + 16; }

// What a pass throws away when it ends. Uninitialised.
class Scratch {
 public:
  template <class T>
  T* array(int64_t count) {
    blocks_.push_back(recycled_block(static_cast<size_t>(count) * sizeof(T)));
    return static_cast<T*>(blocks_.back().get());
  }

  template <class T>
  Rows<T> rows(int64_t count, int64_t size) {
    return {array<T>(count * apart(size)), apart(size)};
  }

 private:
  std::vector<c10::DataPtr> blocks_;
};

}  // namespace masked_rnn
