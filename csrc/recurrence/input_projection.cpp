// W_ih x_t + biases; see input_projection.h.
#include <masked_rnn/csrc/recurrence/cell_kernels.h>
#include <masked_rnn/csrc/recurrence/input_projection.h>
#include <masked_rnn/csrc/vec/fetch.h>

#include <algorithm>

namespace masked_rnn {
namespace {

// What is added to W_ih x: both biases, but of the GRU's n gate only b_in, since b_hn stands inside
// the reset gate's product.
template <class T>
std::vector<T> input_bias(const LayerArguments& a, int64_t block) {
  const int64_t columns = a.weight_ih.size(0);
  std::vector<T> sum((columns + block - 1) / block * block);
  if (a.bias_ih.defined()) {
    const auto input = a.bias_ih.contiguous(), recurrent = a.bias_hh.contiguous();
    const T* from_input = input.const_data_ptr<T>();
    const T* from_recurrent = recurrent.const_data_ptr<T>();
    const int64_t both = a.cell == CellKind::kGru ? 2 * a.hidden_size() : columns;
    for (int64_t m = 0; m < columns; ++m) {
      sum[m] = m < both ? from_input[m] + from_recurrent[m] : from_input[m];
    }
  }
  return sum;
}

// The columns of a large vocabulary are in no cache, and no processor foresees where the next one is:
// each is fetched while some before it are copied.
constexpr int64_t kColumnsAhead = 4;

// A product fetches its rows while it multiplies those before, but for the first ones, some tiles of them.
constexpr int64_t kFirstRows = 12;

// Operands that steps which compute ahead have at least: shorter ones lose between their blocks what they save.
constexpr int64_t kLeastDepth = 128;

}  // namespace

template <class T>
InputProjection<T>::InputProjection(const LayerArguments& a,
                                    const Schedule& schedule,
                                    WeightUse use)
    : kernels_(layer_kernels<T>(a)),
      cold_(are_cold<T>(schedule.num_rows, a.input_size())),
      bias_(input_bias<T>(a, kernels_.by_batch.block_units(/*gates=*/1))) {
  if (!a.one_hot()) {
    input_ = with_contiguous_rows(a.input);
    packed_ = PackedWeight<T>::transposed(kernels_, kernels_.by_batch, a.weight_ih, 1, use);
    return;
  }
  weight_ = a.weight_ih;
  indices_ = row_indices(schedule, a);
}

template <class T>
InputRows<T> InputProjection<T>::rows_of(const Schedule& share) const {
  if (input_.defined()) {
    return {row_pointers<const T>(share, input_), {}};
  }
  InputRows<T> rows;
  rows.one_hot.reserve(share.num_rows);
  for (const int64_t row : share.rows) {
    rows.one_hot.push_back(indices_[row]);
  }
  return rows;
}

template <class T>
void InputProjection<T>::operator()(
    const InputRows<T>& rows, int64_t first, int64_t last, Range columns, T* const* gates) const {
  const int64_t count = last - first;
  if (weight_.defined()) {
    const T* weight = weight_.const_data_ptr<T>();
    const int64_t stride_m = weight_.stride(0), stride_k = weight_.stride(1);
    const int64_t* indices = rows.one_hot.data() + first;
    for (int64_t i = 0; i < count; ++i) {
      const T* column = weight + indices[i] * stride_k;
      if (stride_m == 1 && i + kColumnsAhead < count) {
        fetch(weight + indices[i + kColumnsAhead] * stride_k + columns.first,
              columns.last - columns.first);
      }
      for (int64_t m = columns.first; m < columns.last; ++m) {
        gates[i][m] = bias_[m] + column[m * stride_m];
      }
    }
    return;
  }
  std::vector<T*> shifted;
  ProductArguments<T> p = product(rows, first, last, columns, gates, shifted);
  p.a_is_cold = cold_;
  if (cold_) {
    const auto following = static_cast<int64_t>(rows.dense.size()) - last;
    p.next = {p.a + count, std::min(following, kFirstRows), p.depth};
  }
  kernels_.by_batch.product(p);
}

template <class T>
bool InputProjection<T>::can_be_ahead(const LayerArguments& a) {
  const int64_t depth = a.input_size(), of_steps = a.output_size();
  return !a.one_hot() && of_steps >= kLeastDepth &&
         depth <= std::min(layer_kernels<T>(a).ahead_depth, of_steps) &&
         fit_together((a.weight_ih.numel() + a.weight_hh.numel()) * sizeof(T));
}

template <class T>
ProductArguments<T> InputProjection<T>::product(const InputRows<T>& rows,
                                                int64_t first,
                                                int64_t last,
                                                Range columns,
                                                T* const* gates,
                                                std::vector<T*>& shifted) const {
  ProductArguments<T> p = packed_.times(columns);
  p.rows = last - first;
  p.a = rows.dense.data() + first;
  p.bias = bias_.data() + columns.first;
  p.c = from_column(gates, p.rows, columns.first, shifted);
  return p;
}

template class InputProjection<float>;
template class InputProjection<double>;

}  // namespace masked_rnn
