// See weight_gradients.h. Threads share out the gradients' rows, not the sums': the order of additions
// stays the same for any number of them.
#include <ATen/ops/zeros.h>
#include <ATen/ops/zeros_like.h>
#include <masked_rnn/csrc/parallel.h>
#include <masked_rnn/csrc/recurrence/cell_kernels.h>
#include <masked_rnn/csrc/recurrence/layout.h>
#include <masked_rnn/csrc/recurrence/weight_gradients.h>

#include <algorithm>

namespace masked_rnn {
namespace {

// Threads share out rows of a gradient in units of so many: whole cache lines of the gates.
constexpr int64_t kRowsTogether = 16;

}  // namespace

// Rows [grad_row, grad_row + columns) of the gradients of weight_ih and weight_hh, as far as they are
// given, from `columns` columns of the gates.
template <class T>
struct WeightGradients<T>::Sum {
  const Rows<T>& left;
  int64_t first_column, columns;
  struct Term {
    const T* side;
    const at::Tensor& grad;
    int64_t grad_row;
  };
  std::vector<Term> terms;
};

template <class T>
WeightGradients<T>::WeightGradients(const LayerArguments& layer,
                                    const Schedule& schedule,
                                    int64_t batch_rows,
                                    const std::vector<const T*>& previous,
                                    const WantedMask& wanted,
                                    int64_t most_rows,
                                    int64_t most_threads,
                                    Scratch& scratch)
    : a_(layer),
      kernels_(weight_gradient_kernels<T>(layer, batch_rows)),
      previous_(previous),
      wanted_(wanted),
      H_(layer.hidden_size()),
      N_(schedule.num_rows),
      batch_rows_(batch_rows) {
  // Without rows no part comes, and the sums are 0.
  const auto sum_like = [&](const at::Tensor& weight) {
    return N_ == 0 ? at::zeros(weight.sizes(), weight.options().dtype(a_.dtype()))
                   : recycled_empty(weight.sizes(), a_.dtype());
  };
  if (wanted[kWeightIh] && a_.one_hot()) {
    // zeros_like keeps the weight's memory order: a transposed one has contiguous columns.
    weight_ih_ = at::zeros_like(a_.weight_ih);
    indices_ = row_indices(schedule, a_);
  } else if (wanted[kWeightIh]) {
    input_ = with_contiguous_rows(a_.input);
    input_rows_ = row_pointers<const T>(schedule, input_);
    weight_ih_ = sum_like(a_.weight_ih);
  }
  if (wanted[kWeightHh]) {
    weight_hh_ = sum_like(a_.weight_hh);
  }
  if (wanted[kWeightHr]) {
    weight_hr_ = sum_like(a_.weight_hr);
  }
  if (wanted[kBiasIh] || wanted[kBiasHh]) {
    const int64_t columns = gate_columns(a_.cell, H_);
    column_sums_ = scratch.array<T>(columns);
    std::fill_n(column_sums_, columns, T{});
  }
  const auto side = [&](bool is_needed, int64_t columns) {
    return is_needed ? scratch.array<T>(kernels_.outer_side_size(most_rows, columns)) : nullptr;
  };
  for (int64_t thread = 0; thread < most_threads; ++thread) {
    own_.push_back({side(!input_rows_.empty(), a_.input_size()),
                    side(weight_hh_.defined(), a_.output_size()),
                    side(weight_hr_.defined(), H_),
                    scratch.array<T>(kernels_.outer_scratch_size)});
  }
}

template <class T>
NextRows<T> WeightGradients<T>::read_next(const GateGradients<T>& part) const {
  if (input_rows_.empty()) {
    return {};
  }
  return {input_rows_.data() + part.first, part.count, a_.input_size()};
}

template <class T>
void WeightGradients<T>::pack(const GateGradients<T>& part, const Own& own) const {
  const auto pack = [&](const T* const* rows, int64_t columns, T* side) {
    kernels_.pack_outer_side({part.count,
                              columns,
                              rows,
                              side,
                              are_cold<T>(batch_rows_, columns),
                              gate_columns(a_.cell, H_)});
  };
  if (own.x_side != nullptr) {
    pack(input_rows_.data() + part.first, a_.input_size(), own.x_side);
  }
  if (own.h_side != nullptr) {
    pack(previous_.data() + part.first, a_.output_size(), own.h_side);
  }
  if (own.h_raw_side != nullptr) {
    pack(part.h_raw.template pointers<const T>(part.count).data(), H_, own.h_raw_side);
  }
}

template <class T>
void WeightGradients<T>::add(const Sum& sum,
                             const GateGradients<T>& part,
                             int64_t member,
                             int64_t size) const {
  const Range mine = part_of(sum.columns, kRowsTogether, member, size);
  std::vector<OuterSide<T>> sides;
  for (const auto& term : sum.terms) {
    if (term.grad.defined()) {
      const auto grad = rows_of<T>(term.grad);
      sides.push_back(
          {term.side, term.grad.size(1), grad[term.grad_row + mine.first], grad.stride});
    }
  }
  if (sides.empty()) {
    return;
  }
  kernels_.outer({part.count,
                  mine.last - mine.first,
                  sum.left.data + sum.first_column + mine.first,
                  sum.left.stride,
                  /*accumulate=*/part.first + part.count < N_,
                  sides.data(),
                  static_cast<int64_t>(sides.size()),
                  own_[member].panels});
}

template <class T>
void WeightGradients<T>::add_one_hot(const GateGradients<T>& part,
                                     int64_t member,
                                     int64_t size) const {
  T* data = weight_ih_.mutable_data_ptr<T>();
  const int64_t stride_m = weight_ih_.stride(0), stride_k = weight_ih_.stride(1);
  const Range mine = part_of(weight_ih_.size(0), 1, member, size);
  // The GRU's n stands behind its recurrent part.
  const int64_t skip = a_.cell == CellKind::kGru ? 2 * H_ : weight_ih_.size(0);
  for (int64_t row = 0; row < part.count; ++row) {
    T* column = data + indices_[part.first + row] * stride_k;
    const T* gates = part.gates[row];
    for (int64_t m = mine.first; m < mine.last; ++m) {
      column[m * stride_m] += gates[m < skip ? m : m + H_];
    }
  }
}

template <class T>
void WeightGradients<T>::add(const GateGradients<T>& part, int64_t member, int64_t size) const {
  const at::Tensor dense = a_.one_hot() ? at::Tensor() : weight_ih_;
  const Own& own = own_[member];
  const T *x = own.x_side, *h = own.h_side;
  pack(part, own);
  if (a_.cell == CellKind::kGru) {
    add({part.gates, 0, 2 * H_, {{x, dense, 0}, {h, weight_hh_, 0}}}, part, member, size);
    add({part.gates, 2 * H_, H_, {{h, weight_hh_, 2 * H_}}}, part, member, size);
    add({part.gates, 3 * H_, H_, {{x, dense, 2 * H_}}}, part, member, size);
  } else {
    const int64_t columns = gate_columns(a_.cell, H_);
    add({part.gates, 0, columns, {{x, dense, 0}, {h, weight_hh_, 0}}}, part, member, size);
  }
  if (weight_hr_.defined()) {
    const int64_t P = a_.output_size();
    add({part.grad_projected, 0, P, {{own.h_raw_side, weight_hr_, 0}}}, part, member, size);
  }
  if (a_.one_hot() && weight_ih_.defined()) {
    add_one_hot(part, member, size);
  }
  if (column_sums_ != nullptr) {
    const Range mine = part_of(gate_columns(a_.cell, H_), 1, member, size);
    kernels_.column_sums({part.count,
                          mine.last - mine.first,
                          part.gates.data + mine.first,
                          part.gates.stride,
                          column_sums_ + mine.first});
  }
}

template <class T>
void WeightGradients<T>::finish(LayerGradients& result) const {
  result[kWeightIh] = weight_ih_;
  result[kWeightHh] = weight_hh_;
  result[kWeightHr] = weight_hr_;
  const auto of_bias = [&](bool recurrent) {
    auto bias = recycled_empty({a_.weight_ih.size(0)}, a_.dtype());
    T* data = bias.template mutable_data_ptr<T>();
    std::copy_n(column_sums_, a_.weight_ih.size(0), data);
    if (a_.cell == CellKind::kGru && !recurrent) {
      std::copy_n(column_sums_ + 3 * H_, H_, data + 2 * H_);
    }
    return bias;
  };
  if (wanted_[kBiasIh]) {
    result[kBiasIh] = of_bias(/*recurrent=*/false);
  }
  if (wanted_[kBiasHh]) {
    result[kBiasHh] = of_bias(/*recurrent=*/true);
  }
}

template class WeightGradients<float>;
template class WeightGradients<double>;

}  // namespace masked_rnn
