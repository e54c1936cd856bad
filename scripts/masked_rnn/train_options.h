// The options of `masked-rnn train`: their names, help and defaults, and which contradict.
#pragma once

#include <masked_rnn/models/options.h>
#include <masked_rnn/models/run.h>
#include <masked_rnn/models/train/options.h>

#include <CLI/CLI.hpp>
#include <string>
#include <utility>
#include <vector>

namespace masked_rnn {

class TrainArguments {
 public:
  explicit TrainArguments(CLI::App& command);

  // After parsing: reads --config, throws UsageError for what contradicts.
  void complete();

  // The same for a run that is resumed: the options are the run's own. Throws UsageError if one of
  // them was given with another value.
  void take_from(const RunDescription& description);

  // Sets what depends on the training set where it was not given, and throws UsageError for what
  // contradicts its kind. num_steps: of all its sequences together.
  void suit(InputKind text_or_dense, int64_t num_steps);

  std::string train_file;
  std::string dev_file;
  std::string out;
  bool resume = false;
  bool overwrite = false;
  ModelOptions model;  // without the sizes that come from data
  TrainingOptions training;

 private:
  void add_data(CLI::App& command);
  void add_model(CLI::App& command);
  void add_training(CLI::App& command);
  void add_run(CLI::App& command);
  // Remembers where the option stands in run.json.
  CLI::Option* bind(CLI::Option* option, const std::string& place);
  bool given(const std::string& name) const;
  void refuse(const std::string& option, const std::string& with) const;
  void check_contradictions() const;

  CLI::App& command_;
  std::vector<std::pair<CLI::Option*, std::string>> bound_;
};

}  // namespace masked_rnn
