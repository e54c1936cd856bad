// masked-rnn train: from data files to a run folder.
#include <masked_rnn/models/error.h>
#include <masked_rnn/models/files.h>
#include <masked_rnn/models/run.h>
#include <masked_rnn/models/text/batches.h>
#include <masked_rnn/models/train/fingerprint.h>
#include <masked_rnn/models/train/progress.h>
#include <masked_rnn/models/train/signals.h>
#include <masked_rnn/models/train/trainer.h>
#include <signal.h>
#include <torch/utils.h>

#include <filesystem>
#include <iostream>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "commands.h"
#include "data_sets.h"
#include "run_folder.h"
#include "streams.h"
#include "threads.h"
#include "train_options.h"
#include "usage_error.h"

namespace masked_rnn {
namespace {

constexpr auto kExplanation =
    R"(Stops when all epochs are done, the training loss is small enough or the
development set no longer improves; keeps the weights of the best epoch. Ctrl-C stops too:

  masked-rnn train --task label --bidirectional --train a.conllu --dev b.conllu --out RUN
  masked-rnn train --resume --out RUN
)";

constexpr int kStatusOfSignals = 128;

struct TrainingSets {
  DataSet train;
  std::optional<DataSet> dev;
  std::optional<Vocabulary> vocabulary;  // absent for dense input
  LabelSet labels;
};

DataDescription describe(const DataSet& data, const std::string& file) {
  return {std::filesystem::absolute(file).string(),
          static_cast<int64_t>(data.examples.size()),
          fingerprint(data)};
}

// Whether a run that is resumed sees the data that it was started with.
void check_same_data(const DataDescription& then, const DataDescription& now, const char* which) {
  if (then.fingerprint == now.fingerprint) return;
  if (then.file.empty())
    throw UsageError("--dev contradicts the run, which has no development set");
  throw DataError(now.file + ": expected the " + which +
                  " set that the run was started with, but it has changed: the run had " +
                  std::to_string(then.sequences) + " sequences with the fingerprint " +
                  then.fingerprint + ", this has " + std::to_string(now.sequences) + " with " +
                  now.fingerprint);
}

// What the command line allows and a model or a training does not.
void check_options(const RunDescription& description) {
  try {
    check(description.model);
    check(description.training);
  } catch (const c10::Error& error) {
    throw UsageError(error.what_without_backtrace());
  }
}

void print_summary(const TrainingSets& sets, const TrainArguments& arguments, int64_t weights) {
  const auto line = [](const char* which, const DataSet& data) {
    std::cout << which << "  " << data.file << "  " << data.examples.size() << " sequences\n";
  };
  line("train", sets.train);
  if (sets.dev) line("dev  ", *sets.dev);
  std::cout << "model  " << name(arguments.model.cell)
            << (arguments.model.bidirectional ? ", two directions" : "") << ", "
            << arguments.model.num_layers << " x " << arguments.model.hidden_size << ", " << weights
            << " weights";
  if (sets.vocabulary) std::cout << ", " << sets.vocabulary->size() << " words";
  std::cout << ", " << sets.labels.size() << " labels, " << arguments.training.threads << " threads"
            << std::endl;
}

int64_t count_weights(const SequenceModel& model) {
  int64_t count = 0;
  for (const torch::Tensor& parameter : model.parameters()) count += parameter.numel();
  return count;
}

void print_result(const Trainer& trainer, StopReason reason, const TrainArguments& arguments) {
  std::cout << "stopped: " << describe(reason, arguments.training) << "\n";
  const auto& history = trainer.state().history;
  if (!history.empty()) {
    const EpochMetrics& best = history[best_epoch(history)];
    std::cout << "model of epoch " << best.epoch << " in " << arguments.out;
    if (best.dev_accuracy) std::cout << ", dev accuracy " << *best.dev_accuracy;
    std::cout << "\n";
  }
  std::cout << std::flush;
}

TrainingSets read_sets(TrainArguments& arguments) {
  TrainingSets sets;
  sets.train = read_labelled(arguments.train_file);
  int64_t num_steps = 0;
  for (const Example& example : sets.train.examples) num_steps += sequence_length(example);
  arguments.suit(input_of(sets.train), num_steps);
  check_task(sets.train, arguments.model.task);
  std::vector<std::vector<std::string>> labels;
  for (const Example& example : sets.train.examples) labels.push_back(example.labels);
  sets.labels = LabelSet::build(labels);
  arguments.model.num_labels = sets.labels.size();
  if (arguments.model.input == InputKind::kDense) {
    arguments.model.feature_size = sets.train.examples.front().features.size(1);
  } else {
    std::vector<std::vector<std::string>> sentences;
    for (const Example& example : sets.train.examples) sentences.push_back(example.tokens);
    sets.vocabulary = Vocabulary::build(sentences, arguments.training.min_count);
    arguments.model.vocabulary_size = sets.vocabulary->size();
  }
  if (!arguments.dev_file.empty()) {
    sets.dev = read_labelled(arguments.dev_file);
    check_task(*sets.dev, arguments.model.task);
    check_input(*sets.dev, arguments.model);
    check_labels(*sets.dev, sets.labels, /*some_may_be=*/true);
  }
  return sets;
}

// Of the sets as they are now, or as `resumed` had them; then DataError if they are others.
RunDescription describe_run(const TrainArguments& arguments,
                            const TrainingSets& sets,
                            const std::optional<RunDescription>& resumed) {
  RunDescription description;
  description.model = arguments.model;
  description.training = arguments.training;
  description.train = describe(sets.train, arguments.train_file);
  if (sets.dev) description.dev = describe(*sets.dev, arguments.dev_file);
  if (resumed) {
    check_same_data(resumed->train, description.train, "training");
    check_same_data(resumed->dev, description.dev, "development");
  }
  return description;
}

std::optional<RunDescription> run_to_resume(TrainArguments& arguments) {
  if (!arguments.resume) {
    if (!holds_run(arguments.out) || arguments.overwrite) return std::nullopt;
    throw DataError(arguments.out +
                    ": holds a run already: --resume goes on with it, --overwrite replaces it");
  }
  const RunDescription description = load_description(arguments.out);
  arguments.take_from(description);
  return description;
}

void fit_features(SequenceModel& model, const DataSet& data) {
  std::vector<torch::Tensor> series;
  for (const Example& example : data.examples) series.push_back(example.features);
  model.encoder().fit_features(series);
}

int train(TrainArguments& arguments) {
  arguments.complete();
  const std::optional<RunDescription> resumed = run_to_resume(arguments);
  arguments.training.threads = set_threads(arguments.training.threads);
  const TrainingSets sets = read_sets(arguments);
  const RunDescription description = describe_run(arguments, sets, resumed);
  check_options(description);

  torch::manual_seed(arguments.training.seed);
  const std::shared_ptr<SequenceModel> model = make_model(description);
  if (arguments.model.input == InputKind::kDense) fit_features(*model, sets.train);
  const Vocabulary* vocabulary = sets.vocabulary ? &*sets.vocabulary : nullptr;
  Trainer trainer(model,
                  {&sets.train, sets.dev ? &*sets.dev : nullptr, vocabulary, &sets.labels},
                  arguments.training);

  const StopSignals signals;
  ::signal(SIGPIPE, SIG_IGN);  // training goes on when nobody reads its report
  if (resumed) {
    remove_leftovers(arguments.out);
    trainer.resume_in(arguments.out);
  } else {
    start_run(arguments.out, description, vocabulary, sets.labels, trainer);
  }
  print_summary(sets, arguments, count_weights(*model));
  Progress progress(std::cout, stdout_is_terminal(), arguments.training.epochs);
  const StopReason reason = trainer.train(progress, [] { return StopSignals::received() != 0; });
  progress.clear();
  if (reason == StopReason::kInterrupted) {
    std::cerr << "masked-rnn: interrupted in epoch " << trainer.state().history.size() + 1
              << ", to go on: masked-rnn train --resume --out " << arguments.out << std::endl;
    return kStatusOfSignals + StopSignals::received();
  }
  print_result(trainer, reason, arguments);
  return 0;
}

}  // namespace

std::function<int()> add_train_command(CLI::App& program) {
  CLI::App& command = *program.add_subcommand("train", "Train a model on labelled data");
  command.footer(kExplanation);
  auto arguments = std::make_shared<TrainArguments>(command);
  return [arguments] { return train(*arguments); };
}

}  // namespace masked_rnn
