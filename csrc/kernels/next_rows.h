// What a product fetches of the rows that are read after it: while registers multiply, memory has little
// to do.
#pragma once

#include <masked_rnn/csrc/kernels/kernels.h>
#include <masked_rnn/csrc/vec/fetch.h>

namespace masked_rnn {
namespace {

template <class T>
class FetchNext {
 public:
  // To be called `times` times.
  FetchNext(const NextRows<T>& next, int64_t times) : next_(next) {
    const int64_t times_of_row = next.count > 0 && times > next.count ? times / next.count : 1;
    each_time_ = (next.size + times_of_row - 1) / times_of_row;
  }

  bool any() const { return row_ < next_.count; }

  // Some lines of a row.
  __attribute__((always_inline)) void operator()() {
    if (!any()) {
      return;
    }
    const T* from = next_.rows[row_] + column_;
    for (int64_t i = 0; i < each_time_; i += kLine<T>) {
      // Into the second-level cache: the first has no room for as much.
      __builtin_prefetch(from + i, /*write=*/0, /*locality=*/2);
    }
    column_ += each_time_;
    if (column_ >= next_.size) {
      column_ = 0;
      ++row_;
    }
  }

 private:
  const NextRows<T> next_;
  int64_t each_time_, row_ = 0, column_ = 0;
};

}  // namespace
}  // namespace masked_rnn
