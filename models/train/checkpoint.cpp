// A checkpoint is a torch archive: tensors and the optimizer as torch saves them, the rest as JSON.
#include <ATen/CPUGeneratorImpl.h>
#include <masked_rnn/models/error.h>
#include <masked_rnn/models/files.h>
#include <masked_rnn/models/train/checkpoint.h>
#include <torch/optim/lbfgs.h>
#include <torch/serialize/archive.h>

#include <nlohmann/json.hpp>

namespace masked_rnn {
namespace {

using Json = nlohmann::ordered_json;

constexpr auto kCheckpointFormat = "masked_rnn checkpoint 1";

std::string numbers_to_json(const TrainingState& state) {
  Json history = Json::array();
  for (const EpochMetrics& metrics : state.history) history.push_back(to_json_line(metrics));
  const Json json = {{"history", history},
                     {"no_lower_loss", state.no_lower_loss},
                     {"next_batch", state.next_batch},
                     {"loss_sum", state.loss_sum},
                     {"num_targets", state.num_targets},
                     {"num_tokens", state.num_tokens},
                     {"seconds", state.seconds}};
  return json.dump();
}

TrainingState numbers_from_json(const std::string& text) {
  const Json json = Json::parse(text);
  TrainingState state;
  for (const Json& line : json.at("history")) {
    state.history.push_back(metrics_from_json_line(line.get<std::string>()));
  }
  json.at("no_lower_loss").get_to(state.no_lower_loss);
  json.at("next_batch").get_to(state.next_batch);
  json.at("loss_sum").get_to(state.loss_sum);
  json.at("num_targets").get_to(state.num_targets);
  json.at("num_tokens").get_to(state.num_tokens);
  json.at("seconds").get_to(state.seconds);
  return state;
}

// L-BFGS keeps a list of numbers for the use of one step only. Where the list is not full it holds
// undefined tensors, which torch cannot write.
void drop_scratch(torch::optim::Optimizer& optimizer) {
  if (dynamic_cast<torch::optim::LBFGS*>(&optimizer) == nullptr) return;
  for (auto& item : optimizer.state()) {
    static_cast<torch::optim::LBFGSParamState&>(*item.second).al(std::nullopt);
  }
}

c10::IValue read(torch::serialize::InputArchive& archive, const std::string& key) {
  c10::IValue value;
  archive.read(key, value);
  return value;
}

}  // namespace

void save_checkpoint(const TrainingState& state,
                     const torch::nn::Module& model,
                     torch::optim::Optimizer& optimizer,
                     const std::string& file) {
  drop_scratch(optimizer);
  torch::serialize::OutputArchive archive;
  archive.write("format", c10::IValue(kCheckpointFormat));
  archive.write("state", c10::IValue(numbers_to_json(state)));
  archive.write("weights", to_ivalue(copy_weights(model)));
  archive.write("best", to_ivalue(state.best));
  archive.write("generator", c10::IValue(at::detail::getDefaultCPUGenerator().get_state()));
  torch::serialize::OutputArchive optimizer_archive(archive.compilation_unit());
  optimizer.save(optimizer_archive);
  archive.write("optimizer", optimizer_archive);

  // In memory first: the archive's own writer does not survive a full disk.
  std::string bytes;
  archive.save_to([&](const void* data, size_t size) {
    bytes.append(static_cast<const char*>(data), size);
    return size;
  });
  write_atomically(file, bytes);
}

TrainingState load_checkpoint(const std::string& file,
                              torch::nn::Module& model,
                              torch::optim::Optimizer& optimizer) {
  const std::string bytes = read_bytes(file);
  torch::serialize::InputArchive archive;
  TrainingState state;
  Weights weights;
  torch::serialize::InputArchive optimizer_archive;
  torch::Tensor generator;
  try {
    archive.load_from(bytes.data(), bytes.size());
    TORCH_CHECK(read(archive, "format").toStringRef() == kCheckpointFormat);
    state = numbers_from_json(read(archive, "state").toStringRef());
    weights = to_weights(read(archive, "weights"));
    state.best = to_weights(read(archive, "best"));
    generator = read(archive, "generator").toTensor();
    archive.read("optimizer", optimizer_archive);
  } catch (const std::exception&) {
    throw DataError(file + ": expected a checkpoint, but it is cut off or something else");
  }
  try {
    set_weights(model, weights);
    optimizer.load(optimizer_archive);
    at::Generator default_generator = at::detail::getDefaultCPUGenerator();
    default_generator.set_state(generator);
  } catch (const std::exception&) {
    throw DataError(file + ": expected a checkpoint of this run, but it is another model's");
  }
  return state;
}

}  // namespace masked_rnn
