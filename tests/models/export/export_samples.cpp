// export_samples FOLDER: writes one exported model of every kind of input and task, and samples.json
// with what the C++ models say, for test_torchscript.py.
#include <masked_rnn/models/export/torchscript.h>
#include <tests/models/export/samples.h>

#include <fstream>
#include <iostream>
#include <nlohmann/json.hpp>

using namespace masked_rnn;
using namespace masked_rnn::test;

namespace {

nlohmann::json values(const std::vector<torch::Tensor>& series) {
  nlohmann::json all = nlohmann::json::array();
  for (const torch::Tensor& features : series) {
    nlohmann::json steps = nlohmann::json::array();
    for (int64_t t = 0; t < features.size(0); ++t) {
      const torch::Tensor step = features[t].contiguous();
      steps.push_back(
          std::vector<float>(step.data_ptr<float>(), step.data_ptr<float>() + step.numel()));
    }
    all.push_back(steps);
  }
  return all;
}

template <typename Sequences>
nlohmann::json answers(const Sample& sample, const Sequences& sequences) {
  if (sample.options.task == Task::kClassify) return classify(sample, sequences);
  return tag(sample, sequences);
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 2) {
    std::cerr << "usage: export_samples FOLDER\n";
    return 2;
  }
  const std::string folder = argv[1];
  nlohmann::json samples = nlohmann::json::array();
  for (const ModelOptions& options : sample_options()) {
    if (options.cell != Cell::kLstm && options.input != InputKind::kEmbedding) continue;
    const Sample sample = make_sample(options);
    const std::string file = folder + '/' + sample_name(options) + ".pt";
    export_torchscript(*sample.model, sample.vocabulary_or_null(), sample.labels, file);
    const bool text = sample.vocabulary.has_value();
    samples.push_back(
        {{"file", file},
         {"task", name(options.task)},
         {"text", text},
         {"input", text ? nlohmann::json(sample_sentences()) : values(sample_series())},
         {"expected",
          text ? answers(sample, sample_sentences()) : answers(sample, sample_series())}});
  }
  std::ofstream(folder + "/samples.json") << samples.dump();
  return 0;
}
