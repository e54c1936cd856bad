// The folder of a training run: what stands in it, and a trained model read from it.
//   run.json        options of model and training, and which data: written last, so that a folder
//                   with it is a run
//   vocabulary.txt  text only
//   labels.txt
//   checkpoint.pt   for --resume
//   model.pt        the best weights so far, from the first epoch on
//   metrics.jsonl   one line per epoch
#pragma once

#include <masked_rnn/models/sequence_model.h>
#include <masked_rnn/models/text/vocabulary.h>
#include <masked_rnn/models/train/options.h>

#include <cstdint>
#include <memory>
#include <optional>
#include <string>

namespace masked_rnn {

inline constexpr auto kRunFile = "run.json";
inline constexpr auto kVocabularyFile = "vocabulary.txt";
inline constexpr auto kLabelsFile = "labels.txt";
inline constexpr auto kCheckpointFile = "checkpoint.pt";
inline constexpr auto kModelFile = "model.pt";
inline constexpr auto kMetricsFile = "metrics.jsonl";

// folder/name
std::string path_in(const std::string& folder, const std::string& name);

// A data set as a run remembers it.
struct DataDescription {
  std::string file;  // empty: none
  int64_t sequences = 0;
  std::string fingerprint;  // changes when the content does
};

struct RunDescription {
  ModelOptions model;
  TrainingOptions training;
  DataDescription train;
  DataDescription dev;
};

bool holds_run(const std::string& folder);
void save_description(const RunDescription& description, const std::string& folder);
RunDescription load_description(const std::string& folder);

struct Run {
  RunDescription description;
  std::optional<Vocabulary> vocabulary;  // absent for dense input
  LabelSet labels;
  std::shared_ptr<SequenceModel> model;  // in evaluation mode
};

// A model with random weights of the description's sizes and dtype.
std::shared_ptr<SequenceModel> make_model(const RunDescription& description);

// DataError in one line if the folder holds no run, no epoch of it is done yet, or a file of it is
// missing, cut off or something else.
Run load_run(const std::string& folder);

}  // namespace masked_rnn
