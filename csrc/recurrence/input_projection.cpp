// W_ih x_t + biases; see input_projection.h.
#include <ATen/ops/add.h>
#include <ATen/ops/zeros.h>
#include <masked_rnn/csrc/recurrence/cell_kernels.h>
#include <masked_rnn/csrc/recurrence/input_projection.h>

namespace masked_rnn {
namespace {

// What is added to W_ih x: both biases, but of the GRU's n gate only b_in, since b_hn stands inside
// the reset gate's product.
at::Tensor input_bias(const LayerArguments& a) {
  if (!a.bias_ih.defined()) {
    return at::zeros({a.weight_ih.size(0)}, a.weight_ih.options());
  }
  if (a.cell != CellKind::kGru) {
    return at::add(a.bias_ih, a.bias_hh).contiguous();
  }
  auto bias = a.bias_ih.clone().contiguous();
  const int64_t H = a.hidden_size();
  bias.narrow(0, 0, 2 * H).add_(a.bias_hh.narrow(0, 0, 2 * H));
  return bias;
}

}  // namespace

template <class T>
InputProjection<T>::InputProjection(const LayerArguments& a, const Schedule& schedule, bool fixed)
    : kernels_(layer_kernels<T>(a)),
      columns_(a.weight_ih.size(0)),
      depth_(a.input_size()),
      bias_(input_bias(a)) {
  if (!a.one_hot()) {
    input_ = with_contiguous_rows(a.input);
    rows_ = row_pointers<const T>(schedule, input_);
    packed_ = PackedWeight<T>::transposed(kernels_, a.weight_ih, 1, fixed);
    return;
  }
  weight_ = a.weight_ih;
  indices_ = row_indices(schedule, a);
}

template <class T>
void InputProjection<T>::operator()(const std::vector<int64_t>& rows, T* const* gates) const {
  const T* bias = bias_.const_data_ptr<T>();
  const auto count = static_cast<int64_t>(rows.size());
  if (weight_.defined()) {
    const T* weight = weight_.const_data_ptr<T>();
    const int64_t stride_m = weight_.stride(0), stride_k = weight_.stride(1);
    for (int64_t i = 0; i < count; ++i) {
      const T* column = weight + indices_[rows[i]] * stride_k;
      for (int64_t m = 0; m < columns_; ++m) {
        gates[i][m] = bias[m] + column[m * stride_m];
      }
    }
    return;
  }
  std::vector<const T*> input(count);
  for (int64_t i = 0; i < count; ++i) {
    input[i] = rows_[rows[i]];
  }
  kernels_.product({count,
                    depth_,
                    columns_,
                    input.data(),
                    packed_.data(),
                    bias,
                    /*accumulate=*/false,
                    gates});
}

template class InputProjection<float>;
template class InputProjection<double>;

}  // namespace masked_rnn
