// The layers under torch.autocast("cpu"): floating arguments go down to the lower precision, as those
// of PyTorch's matrix products do; accumulation stays float32.
#include <ATen/autocast_mode.h>
#include <masked_rnn/ops/gru.h>
#include <masked_rnn/ops/lstm.h>
#include <masked_rnn/ops/registration.h>
#include <masked_rnn/ops/rnn.h>
#include <torch/library.h>

#include <optional>
#include <tuple>
#include <vector>

namespace masked_rnn {
namespace {

constexpr auto kDevice = c10::DeviceType::CPU;

at::Tensor lower(const at::Tensor& tensor) {
  return at::autocast::cached_cast(at::autocast::get_autocast_dtype(kDevice), tensor, kDevice);
}

std::optional<at::Tensor> lower(const std::optional<at::Tensor>& tensor) {
  return tensor.has_value() ? std::optional(lower(*tensor)) : std::nullopt;
}

std::vector<at::Tensor> lower(at::TensorList tensors) {
  std::vector<at::Tensor> result;
  for (const auto& tensor : tensors) {
    result.push_back(lower(tensor));
  }
  return result;
}

// The operator `function` with its floating arguments cast: hx and params after the input, the rest
// as given.
template <auto function, class States, class... Rest>
auto autocast(const at::Tensor& input, States hx, at::TensorList params, Rest... rest) {
  c10::impl::ExcludeDispatchKeyGuard no_autocast(
      at::autocast::get_autocast_dispatch_key_from_device_type(kDevice));
  return function(lower(input), lower(hx), lower(params), rest...);
}

using OptionalArgument = const std::optional<at::Tensor>&;

template <auto function>
constexpr auto kSingleState = autocast<function,
                                       OptionalArgument,
                                       bool,
                                       int64_t,
                                       double,
                                       bool,
                                       bool,
                                       bool,
                                       OptionalArgument,
                                       OptionalArgument>;

constexpr auto kLstm = autocast<lstm,
                                at::TensorList,
                                bool,
                                int64_t,
                                double,
                                bool,
                                bool,
                                bool,
                                OptionalArgument,
                                OptionalArgument>;

}  // namespace
}  // namespace masked_rnn

TORCH_LIBRARY_IMPL(masked_rnn, AutocastCPU, m) {
  if (!masked_rnn::may_register()) {
    return;
  }
  m.impl("lstm", masked_rnn::kLstm);
  m.impl("gru", masked_rnn::kSingleState<masked_rnn::gru>);
  m.impl("rnn_tanh", masked_rnn::kSingleState<masked_rnn::rnn_tanh>);
  m.impl("rnn_relu", masked_rnn::kSingleState<masked_rnn::rnn_relu>);
}
