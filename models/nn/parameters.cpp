// Copies of parameters between modules of one shape.
#include <masked_rnn/models/nn/parameters.h>
#include <torch/utils.h>

namespace masked_rnn {
namespace {

using Tensors = torch::OrderedDict<std::string, torch::Tensor>;

void copy_tensors(const Tensors& from, Tensors to, const std::optional<torch::Device>& device) {
  for (const auto& item : from) {
    torch::Tensor* target = to.find(item.key());
    TORCH_CHECK(target, "masked_rnn: expected the copy to have a parameter `", item.key(), "`");
    torch::Tensor copy = item.value().detach().clone();
    target->set_data(device ? copy.to(*device) : copy);
  }
}

}  // namespace

void copy_parameters(const torch::nn::Module& from,
                     torch::nn::Module& to,
                     const std::optional<torch::Device>& device) {
  torch::NoGradGuard no_grad;
  copy_tensors(from.named_parameters(), to.named_parameters(), device);
  copy_tensors(from.named_buffers(), to.named_buffers(), device);
}

}  // namespace masked_rnn
