// The projected input of some steps.
#pragma once

#include <masked_rnn/csrc/recurrence/input_projection.h>
#include <masked_rnn/csrc/recurrence/rows.h>

#include <algorithm>
#include <optional>
#include <vector>

namespace masked_rnn {

// Some columns of rows [first, last) of a share, written to gates[i] -> [G*H]: all of them at once or, with
// `by_steps`, those of a few steps at once, and the others by the steps, which are of a single row each.
template <class T>
class ProjectedRows {
 public:
  ProjectedRows(const InputProjection<T>& project,
                const InputRows<T>& input,
                int64_t first,
                int64_t last,
                Range columns,
                T* const* gates,
                bool by_steps)
      : project_(project), input_(input), first_(first), columns_(columns), gates_(gates) {
    if (!by_steps || last - first < kFewest) {
      project(input, first, last, columns, gates);
      return;
    }
    ahead_.emplace().product = project.product(input, first, last, columns, gates, shifted_);
    complete(kAtOnce);
  }
  ProjectedRows(const ProjectedRows&) = delete;
  ProjectedRows& operator=(const ProjectedRows&) = delete;

  // What is left for the next step to compute some of; null for nothing.
  ProductAhead<T>* ahead() {
    return ahead_.has_value() && ahead_->done < ahead_->product.rows ? &*ahead_ : nullptr;
  }

  // Afterwards the first `rows` rows are written.
  void complete(int64_t rows) {
    if (!ahead_.has_value() || ahead_->done >= std::min(rows, ahead_->product.rows)) {
      return;
    }
    const int64_t done = std::min(ahead_->done + kAtOnce, ahead_->product.rows);
    project_(input_, first_ + ahead_->done, first_ + done, columns_, gates_ + ahead_->done);
    ahead_->done = done;
    ahead_->column = ahead_->k = 0;
  }

 private:
  // Rows that are computed before any step: steps write four at a time, and where the sums do not come out even,
  // they may be late by less than a row. Where they are later, as many are computed once more between two steps.
  static constexpr int64_t kAtOnce = 5;
  // Of fewer rows, the steps would save less than it takes.
  static constexpr int64_t kFewest = 9;

  const InputProjection<T>& project_;
  const InputRows<T>& input_;
  const int64_t first_;
  const Range columns_;
  T* const* const gates_;
  std::vector<T*> shifted_;
  std::optional<ProductAhead<T>> ahead_;  // (It takes a kilobyte.)
};

}  // namespace masked_rnn
