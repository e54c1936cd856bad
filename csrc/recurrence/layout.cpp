// Where rows stand in padded tensors; see layout.h.
#include <c10/util/Exception.h>
#include <masked_rnn/csrc/parallel.h>
#include <masked_rnn/csrc/recurrence/layout.h>

#include <algorithm>
#include <cstring>

namespace masked_rnn {
namespace {

// Measured with two threads, of which each would else read all of weight_hh at every step, for half of the
// rows: faster for up to so many sequences, and, the farther from the core weights are, for so many more.
// Smaller weights are read faster than threads meet.
constexpr int64_t kFewSequences = 6;
constexpr size_t kBytesOfOneMore = 1 << 17;
constexpr int64_t kMoreFrom = 3;
constexpr int64_t kManyWeights = 1 << 15;

int64_t few_sequences(const LayerArguments& a) {
  return std::max(kFewSequences,
                  kMoreFrom + static_cast<int64_t>(a.weight_hh.nbytes() / kBytesOfOneMore));
}

}  // namespace

bool share_out_units(const LayerArguments& a, const Schedule& schedule, int64_t threads) {
  return threads > 1 && !a.projected() && schedule.num_sequences <= few_sequences(a) &&
         a.weight_hh.numel() >= kManyWeights;
}

namespace {

// (As at::as_strided makes one, without a call to the dispatcher for each.)
at::Tensor view_of(const at::Tensor& tensor,
                   at::IntArrayRef sizes,
                   at::IntArrayRef strides,
                   int64_t offset) {
  auto view = at::detail::make_tensor<c10::TensorImpl>(
      c10::TensorImpl::VIEW, c10::Storage(tensor.storage()), tensor.key_set(), tensor.dtype());
  view.unsafeGetTensorImpl()->set_sizes_and_strides(
      sizes, strides, tensor.storage_offset() + offset);
  return view;
}

}  // namespace

at::Tensor side_by_side(const at::Tensor& joint, int64_t i, int64_t count) {
  if (count == 1 || !joint.defined()) {
    return joint;
  }
  auto sizes = joint.sizes().vec();
  sizes.back() /= count;
  return view_of(joint, sizes, joint.strides(), i * sizes.back() * joint.strides().back());
}

at::Tensor one_of(const at::Tensor& joint, int64_t i) {
  if (!joint.defined() || joint.dim() < 3) {
    return joint;
  }
  return view_of(joint, joint.sizes().slice(1), joint.strides().slice(1), i * joint.stride(0));
}

int64_t threads_for_pointers(int64_t num_rows, int64_t threads) {
  // To make them takes as long as so many multiply-adds.
  constexpr int64_t kPointersOfRow = 512;
  return num_threads_for(num_rows * kPointersOfRow) > 1 ? threads : 1;
}

int64_t multiply_adds(const LayerArguments& a, const Schedule& schedule) {
  const int64_t of_input = a.one_hot() ? 0 : a.weight_ih.numel();
  return schedule.num_rows * (of_input + a.weight_hh.numel());
}

template <class T>
std::vector<T*> row_pointers(const Schedule& schedule, const at::Tensor& padded) {
  std::vector<T*> pointers(schedule.num_rows);
  T* base = const_cast<T*>(padded.const_data_ptr<std::remove_const_t<T>>());
  const int64_t stride_t = padded.stride(0), stride_b = padded.stride(1);
  const int64_t further = schedule.pace * stride_t;
  for (int64_t step = 0; step < schedule.num_steps; ++step) {
    const int64_t first = schedule.offsets[step], rows = schedule.rows_at(step);
    T** here = pointers.data() + first;
    if (step > 0 && schedule.pace != 0) {
      T* const* before = pointers.data() + schedule.offsets[step - 1];
      for (int64_t j = 0; j < rows; ++j) {
        here[j] = before[j] + further;
      }
      continue;
    }
    for (int64_t j = 0; j < rows; ++j) {
      here[j] = base + schedule.times[first + j] * stride_t + schedule.order[j] * stride_b;
    }
  }
  return pointers;
}

template <class T>
std::vector<const T*> previous_pointers(const Schedule& schedule,
                                        const std::vector<T*>& states,
                                        const at::Tensor& initial,
                                        int64_t column) {
  std::vector<const T*> pointers(schedule.num_rows);
  const T* base = initial.const_data_ptr<T>();
  for (int64_t step = 0; step < schedule.num_steps; ++step) {
    const int64_t first = schedule.offsets[step], rows = schedule.rows_at(step);
    for (int64_t j = 0; j < rows; ++j) {
      pointers[first + j] = step == 0 ? base + schedule.order[j] * initial.stride(0)
                                      : states[schedule.offsets[step - 1] + j] + column;
    }
  }
  return pointers;
}

template <class T>
std::vector<T*> saved_pointers(const Schedule& schedule, const at::Tensor& saved) {
  if (saved.numel() == 0) {
    return {};
  }
  const auto rows = rows_of<T>(saved);
  std::vector<T*> pointers(schedule.num_rows);
  for (int64_t row = 0; row < schedule.num_rows; ++row) {
    pointers[row] = rows[schedule.rows[row]];
  }
  return pointers;
}

std::vector<int64_t> row_indices(const Schedule& schedule, const LayerArguments& a) {
  const auto index = a.input.to(at::kLong);
  const auto pointers = row_pointers<const int64_t>(schedule, index.unsqueeze(2));
  std::vector<int64_t> indices(pointers.size());
  for (size_t row = 0; row < pointers.size(); ++row) {
    indices[row] = *pointers[row];
    TORCH_CHECK_INDEX(indices[row] >= 0 && indices[row] < a.input_size(),
                      "masked_rnn::",
                      layer_name(a.cell),
                      ": expected one-hot indices of `input` to be in 0..",
                      a.input_size() - 1,
                      " (input_size ",
                      a.input_size(),
                      "), but got ",
                      indices[row]);
  }
  return indices;
}

at::Tensor with_contiguous_rows(const at::Tensor& tensor) {
  return tensor.size(-1) <= 1 || tensor.stride(-1) == 1 ? tensor : tensor.contiguous();
}

template <class T>
Rows<T> in_order(const Schedule& schedule, const at::Tensor& state, Scratch& scratch) {
  const auto contiguous = state.contiguous();
  const T* given = contiguous.const_data_ptr<T>();
  const int64_t size = state.size(1);
  const auto ordered = scratch.rows<T>(schedule.num_sequences, size);
  for (int64_t j = 0; j < schedule.num_sequences; ++j) {
    std::memcpy(ordered[j], given + schedule.order[j] * size, size * sizeof(T));
  }
  return ordered;
}

template <class T>
PaddingZeros<T>::PaddingZeros(const Kernels<T>& kernels,
                              const Padding& padding,
                              const at::Tensor& padded,
                              int64_t member,
                              int64_t size)
    : kernels_(kernels), padding_(padding), size_(size), next_(member) {
  if (padded.defined()) {
    data_ = padded.mutable_data_ptr<T>();
    steps_ = padded.size(0);
    width_ = padded.size(2);
    stride_ = padded.stride(1);
    large_ = is_large(padded.nbytes());
  }
}

template <class T>
void PaddingZeros<T>::write(int64_t done, int64_t all) {
  const int64_t end = size_ == 1 ? steps_ : steps_ * done / all;
  for (; next_ < end; next_ += size_) {
    for (int64_t i = padding_.runs_before[next_]; i < padding_.runs_before[next_ + 1]; ++i) {
      const Padding::Run& run = padding_.runs[i];
      const int64_t positions = run.last - run.first, together = stride_ == width_ ? positions : 1;
      T* to = data_ + run.first * stride_;
      for (int64_t written = 0; written < positions; written += together, to += stride_) {
        if (large_) {
          kernels_.clear(together * width_, to);
        } else {
          std::fill_n(to, together * width_, T{});
        }
      }
    }
  }
}

#define MASKED_RNN_INSTANTIATE(T)                                                           \
  template std::vector<T*> row_pointers<T>(const Schedule&, const at::Tensor&);             \
  template std::vector<const T*> row_pointers<const T>(const Schedule&, const at::Tensor&); \
  template std::vector<const T*> previous_pointers<T>(                                      \
      const Schedule&, const std::vector<T*>&, const at::Tensor&, int64_t);                 \
  template std::vector<T*> saved_pointers<T>(const Schedule&, const at::Tensor&);           \
  template Rows<T> in_order<T>(const Schedule&, const at::Tensor&, Scratch&);               \
  template class PaddingZeros<T>;
MASKED_RNN_INSTANTIATE(float)
MASKED_RNN_INSTANTIATE(double)
#undef MASKED_RNN_INSTANTIATE

}  // namespace masked_rnn
