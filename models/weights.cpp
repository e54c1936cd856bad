// Weights to and from modules and files.
#include <masked_rnn/models/error.h>
#include <masked_rnn/models/files.h>
#include <masked_rnn/models/weights.h>
#include <torch/csrc/jit/serialization/pickle.h>

namespace masked_rnn {

Weights copy_weights(const torch::nn::Module& module) {
  Weights weights;
  for (const auto& named : {module.named_parameters(), module.named_buffers()}) {
    for (const auto& item : named) {
      weights.emplace_back(item.key(), item.value().detach().clone());
    }
  }
  return weights;
}

void set_weights(torch::nn::Module& module, const Weights& weights) {
  std::vector<std::pair<std::string, torch::Tensor>> own;
  for (const auto& named : {module.named_parameters(), module.named_buffers()}) {
    for (const auto& item : named) own.emplace_back(item.key(), item.value());
  }
  TORCH_CHECK(weights.size() == own.size(),
              "masked_rnn: expected ",
              own.size(),
              " weights, but got ",
              weights.size());
  for (size_t i = 0; i < own.size(); ++i) {
    const auto& [name, tensor] = own[i];
    TORCH_CHECK(weights[i].first == name,
                "masked_rnn: expected the weight `",
                name,
                "`, but got `",
                weights[i].first,
                "`");
    const torch::Tensor& given = weights[i].second;
    TORCH_CHECK(given.sizes() == tensor.sizes() && given.scalar_type() == tensor.scalar_type(),
                "masked_rnn: expected the weight `",
                name,
                "` to be ",
                tensor.scalar_type(),
                " ",
                tensor.sizes(),
                ", but got ",
                given.scalar_type(),
                " ",
                given.sizes());
  }
  torch::NoGradGuard no_grad;
  for (size_t i = 0; i < own.size(); ++i) own[i].second.copy_(weights[i].second);
}

c10::IValue to_ivalue(const Weights& weights) {
  std::vector<c10::IValue> items;
  for (const auto& [name, tensor] : weights) {
    items.emplace_back(c10::ivalue::Tuple::create(name, tensor));
  }
  return c10::ivalue::Tuple::create(std::move(items));
}

Weights to_weights(const c10::IValue& value) {
  Weights weights;
  for (const c10::IValue& item : value.toTupleRef().elements()) {
    const auto& pair = item.toTupleRef().elements();
    weights.emplace_back(pair.at(0).toStringRef(), pair.at(1).toTensor());
  }
  return weights;
}

void save_weights(const Weights& weights, const std::string& file) {
  const std::vector<char> bytes = torch::jit::pickle_save(to_ivalue(weights));
  write_atomically(file, std::string_view(bytes.data(), bytes.size()));
}

Weights load_weights(const std::string& file) {
  const std::string bytes = read_bytes(file);
  try {
    return to_weights(torch::jit::pickle_load(std::vector<char>(bytes.begin(), bytes.end())));
  } catch (const std::exception&) {
    throw DataError(file +
                    ": expected the weights of a model, but it is cut off or something else");
  }
}

}  // namespace masked_rnn
