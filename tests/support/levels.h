// The kernels of every level that this machine has.
#pragma once

#include <gtest/gtest.h>
#include <masked_rnn/csrc/kernels/kernels.h>

#include <random>
#include <vector>

namespace masked_rnn {

template <class T, class Body>
void for_each_level(const Body& body) {
  for (const Level level : {Level::kDefault, Level::kAvx2, Level::kAvx512, Level::kAmx}) {
    if (level <= cpu_level()) {
      SCOPED_TRACE(static_cast<int>(level));
      body(kernels<T>(level));
    }
  }
}

template <class T>
std::vector<T> random_values(int64_t n) {
  static std::mt19937 engine(1);
  std::normal_distribution<T> normal;
  std::vector<T> values(n);
  for (T& value : values) {
    value = normal(engine);
  }
  return values;
}

// The addresses of the rows of a matrix.
template <class Pointer, class T>
std::vector<Pointer*> rows_of(std::vector<T>& values, int64_t columns) {
  std::vector<Pointer*> rows;
  for (size_t i = 0; i < values.size(); i += columns) {
    rows.push_back(values.data() + i);
  }
  return rows;
}

}  // namespace masked_rnn
