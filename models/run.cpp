// Run folders: what a run is, and loading what it trained.
#include <c10/util/Exception.h>
#include <masked_rnn/models/error.h>
#include <masked_rnn/models/files.h>
#include <masked_rnn/models/run.h>
#include <masked_rnn/models/run_json.h>
#include <masked_rnn/models/weights.h>

#include <filesystem>
#include <nlohmann/json.hpp>

namespace masked_rnn {
namespace {

void check_belongs(bool belongs, const std::string& file, const char* to) {
  if (!belongs) {
    throw DataError(file + ": expected the " + to + " of this run, but it is another model's");
  }
}

}  // namespace

std::string path_in(const std::string& folder, const std::string& name) {
  return (std::filesystem::path(folder) / name).string();
}

bool holds_run(const std::string& folder) {
  std::error_code ignored;
  return std::filesystem::exists(path_in(folder, kRunFile), ignored);
}

void save_description(const RunDescription& description, const std::string& folder) {
  write_atomically(path_in(folder, kRunFile), nlohmann::json(description).dump(2) + "\n");
}

RunDescription load_description(const std::string& folder) {
  if (!holds_run(folder)) throw DataError(folder + ": holds no run: it has no " + kRunFile);
  const std::string file = path_in(folder, kRunFile);
  const std::string text = read_bytes(file);
  try {
    return nlohmann::json::parse(text).get<RunDescription>();
  } catch (const std::exception&) {
    throw DataError(file + ": expected the description of a run, but it is cut off or changed");
  }
}

std::shared_ptr<SequenceModel> make_model(const RunDescription& description) {
  auto model = make_model(description.model);
  if (description.training.precision == Precision::kFloat64) model->to(torch::kFloat64);
  return model;
}

Run load_run(const std::string& folder) {
  Run run;
  run.description = load_description(folder);
  const ModelOptions& options = run.description.model;
  if (options.input != InputKind::kDense) {
    const std::string file = path_in(folder, kVocabularyFile);
    run.vocabulary = Vocabulary::load(file);
    check_belongs(run.vocabulary->size() == options.vocabulary_size, file, "vocabulary");
  }
  const std::string labels_file = path_in(folder, kLabelsFile);
  run.labels = LabelSet::load(labels_file);
  check_belongs(run.labels.size() == options.num_labels, labels_file, "labels");

  const std::string weights_file = path_in(folder, kModelFile);
  if (!std::filesystem::exists(weights_file)) {
    throw DataError(folder + ": holds no model yet: its training has not finished an epoch");
  }
  const Weights weights = load_weights(weights_file);
  run.model = make_model(run.description);
  try {
    set_weights(*run.model, weights);
  } catch (const c10::Error&) {
    check_belongs(false, weights_file, "weights");
  }
  run.model->eval();
  return run;
}

}  // namespace masked_rnn
