// The content of run.json.
#include <c10/util/Exception.h>
#include <masked_rnn/models/run_json.h>

#include <nlohmann/json.hpp>

namespace masked_rnn {
namespace {

constexpr auto kRunFormat = "masked_rnn run 1";

nlohmann::json to_json(const DataDescription& data) {
  if (data.file.empty()) return nullptr;
  return {{"file", data.file}, {"sequences", data.sequences}, {"fingerprint", data.fingerprint}};
}

DataDescription data_from_json(const nlohmann::json& json) {
  DataDescription data;
  if (json.is_null()) return data;
  json.at("file").get_to(data.file);
  json.at("sequences").get_to(data.sequences);
  json.at("fingerprint").get_to(data.fingerprint);
  return data;
}

}  // namespace

void to_json(nlohmann::json& json, const ModelOptions& options) {
  json = {{"task", name(options.task)},
          {"cell", name(options.cell)},
          {"input", name(options.input)},
          {"vocabulary_size", options.vocabulary_size},
          {"feature_size", options.feature_size},
          {"num_labels", options.num_labels},
          {"embedding_dim", options.embedding_dim},
          {"character_embedding_dim", options.character_embedding_dim},
          {"character_hidden_size", options.character_hidden_size},
          {"hidden_size", options.hidden_size},
          {"proj_size", options.proj_size},
          {"num_layers", options.num_layers},
          {"bidirectional", options.bidirectional},
          {"dropout", options.dropout},
          {"pooling", name(options.pooling)}};
}

void from_json(const nlohmann::json& json, ModelOptions& options) {
  options.task = task_from_name(json.at("task").get<std::string>());
  options.cell = cell_from_name(json.at("cell").get<std::string>());
  options.input = input_kind_from_name(json.at("input").get<std::string>());
  json.at("vocabulary_size").get_to(options.vocabulary_size);
  json.at("feature_size").get_to(options.feature_size);
  json.at("num_labels").get_to(options.num_labels);
  json.at("embedding_dim").get_to(options.embedding_dim);
  json.at("character_embedding_dim").get_to(options.character_embedding_dim);
  json.at("character_hidden_size").get_to(options.character_hidden_size);
  json.at("hidden_size").get_to(options.hidden_size);
  json.at("proj_size").get_to(options.proj_size);
  json.at("num_layers").get_to(options.num_layers);
  json.at("bidirectional").get_to(options.bidirectional);
  json.at("dropout").get_to(options.dropout);
  options.pooling = pooling_from_name(json.at("pooling").get<std::string>());
}

void to_json(nlohmann::json& json, const TrainingOptions& options) {
  json = {{"optimizer", name(options.optimizer)},
          {"learning_rate", options.learning_rate},
          {"learning_rate_decay", options.learning_rate_decay},
          {"momentum", options.momentum},
          {"weight_decay", options.weight_decay},
          {"clip_norm", options.clip_norm},
          {"epochs", options.epochs},
          {"patience", options.patience},
          {"min_loss", options.min_loss},
          {"batch_tokens", options.batch_tokens},
          {"word_dropout", options.word_dropout},
          {"min_count", options.min_count},
          {"seed", options.seed},
          {"threads", options.threads},
          {"dtype", name(options.precision)}};
}

void from_json(const nlohmann::json& json, TrainingOptions& options) {
  options.optimizer = optimizer_from_name(json.at("optimizer").get<std::string>());
  json.at("learning_rate").get_to(options.learning_rate);
  json.at("learning_rate_decay").get_to(options.learning_rate_decay);
  json.at("momentum").get_to(options.momentum);
  json.at("weight_decay").get_to(options.weight_decay);
  json.at("clip_norm").get_to(options.clip_norm);
  json.at("epochs").get_to(options.epochs);
  json.at("patience").get_to(options.patience);
  json.at("min_loss").get_to(options.min_loss);
  json.at("batch_tokens").get_to(options.batch_tokens);
  json.at("word_dropout").get_to(options.word_dropout);
  json.at("min_count").get_to(options.min_count);
  json.at("seed").get_to(options.seed);
  json.at("threads").get_to(options.threads);
  options.precision = precision_from_name(json.at("dtype").get<std::string>());
}

void to_json(nlohmann::json& json, const RunDescription& description) {
  json = {{"format", kRunFormat},
          {"model", description.model},
          {"training", description.training},
          {"data", {{"train", to_json(description.train)}, {"dev", to_json(description.dev)}}}};
}

void from_json(const nlohmann::json& json, RunDescription& description) {
  TORCH_CHECK(json.at("format") == kRunFormat, "another format");
  json.at("model").get_to(description.model);
  json.at("training").get_to(description.training);
  description.train = data_from_json(json.at("data").at("train"));
  description.dev = data_from_json(json.at("data").at("dev"));
  check(description.model);
  check(description.training);
}

}  // namespace masked_rnn
