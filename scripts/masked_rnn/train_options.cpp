// The options of `masked-rnn train`.
#include "train_options.h"

#include <masked_rnn/models/run_json.h>

#include <CLI/CLI.hpp>
#include <nlohmann/json.hpp>

#include "config.h"
#include "help.h"
#include "train_defaults.h"
#include "usage_error.h"

namespace masked_rnn {
namespace {

constexpr auto kDataGroup = "Data";
constexpr auto kModelGroup = "Model";
constexpr auto kTrainingGroup = "Training";
constexpr auto kRunGroup = "Run";

// Adds an option that takes one of `names` and is turned into an enumerator by `from_name`.
template <typename Kind>
CLI::Option* add_choice(CLI::App& command,
                        const std::string& option,
                        Kind& kind,
                        Kind (*from_name)(const std::string&),
                        const std::vector<std::string>& names,
                        const std::string& help) {
  return only(
      command.add_option_function<std::string>(
          option, [&kind, from_name](const std::string& name) { kind = from_name(name); }, help),
      names);
}

std::string shown(const nlohmann::json& value) {
  return value.is_string() ? value.get<std::string>() : value.dump();
}

}  // namespace

TrainArguments::TrainArguments(CLI::App& command) : command_(command) {
  add_data(command);
  add_model(command);
  add_training(command);
  add_run(command);
  add_config_option(command);
}

CLI::Option* TrainArguments::bind(CLI::Option* option, const std::string& place) {
  bound_.emplace_back(option, place);
  return option;
}

void TrainArguments::add_data(CLI::App& command) {
  command
      .add_option("--train",
                  train_file,
                  "Training set, by its ending: .tsv .csv (label, text),\n"
                  ".conllu, .conll (token, tag), .ts (numeric series)")
      ->type_name("FILE")
      ->group(kDataGroup);
  command
      .add_option("--dev", dev_file, "Development set: chooses the best epoch, and when to stop")
      ->type_name("FILE")
      ->group(kDataGroup);
  bind(command.add_option(
           "--min-count", training.min_count, "Rarer words of the training set become <unk>"),
       "/training/min_count")
      ->type_name("N")
      ->capture_default_str()
      ->group(kDataGroup);
}

void TrainArguments::add_model(CLI::App& command) {
  bind(add_choice(command,
                  "--task",
                  model.task,
                  task_from_name,
                  {"classify", "label"},
                  "A label for each sequence, or for each word"),
       "/model/task")
      ->group(kModelGroup);
  bind(add_choice(command,
                  "--cell",
                  model.cell,
                  cell_from_name,
                  {"rnn", "rnn_relu", "lstm", "gru"},
                  "Kind of recurrent layer"),
       "/model/cell")
      ->default_str(name(model.cell))
      ->group(kModelGroup);
  bind(command.add_flag("--bidirectional", model.bidirectional, "Read in both directions"),
       "/model/bidirectional")
      ->group(kModelGroup);
  bind(command.add_option("--layers", model.num_layers, "Recurrent layers"), "/model/num_layers")
      ->type_name("N")
      ->capture_default_str()
      ->group(kModelGroup);
  bind(command.add_option("--hidden", model.hidden_size, "Size of a layer's state, per direction"),
       "/model/hidden_size")
      ->type_name("N")
      ->default_str("200 to label, 100 to classify")
      ->group(kModelGroup);
  bind(command.add_option(
           "--proj-size", model.proj_size, "Project the LSTM's output to this size; 0: no"),
       "/model/proj_size")
      ->type_name("N")
      ->capture_default_str()
      ->group(kModelGroup);
  bind(add_choice(command,
                  "--input",
                  model.input,
                  input_kind_from_name,
                  {"embedding", "one_hot"},
                  "How words enter the layers"),
       "/model/input")
      ->default_str(name(model.input))
      ->group(kModelGroup);
  bind(command.add_option("--embedding", model.embedding_dim, "Size of a word's embedding"),
       "/model/embedding_dim")
      ->type_name("N")
      ->capture_default_str()
      ->group(kModelGroup);
  bind(command.add_option("--characters",
                          model.character_hidden_size,
                          "Also read the letters of words, with a state of\n"
                          "this size per direction; 0: no"),
       "/model/character_hidden_size")
      ->type_name("N")
      ->default_str("50 to label, 0 to classify")
      ->group(kModelGroup);
  bind(add_choice(command,
                  "--pooling",
                  model.pooling,
                  pooling_from_name,
                  {"last", "mean", "max"},
                  "To classify, from the last state, or from the\nmean or max of all states"),
       "/model/pooling")
      ->default_str("max")
      ->group(kModelGroup);
  bind(command.add_option("--dropout", model.dropout, "Before, between and after the layers"),
       "/model/dropout")
      ->type_name("X")
      ->default_str("0.3 to label, 0.5 to classify, 0.2 for series")
      ->group(kModelGroup);
}

void TrainArguments::add_training(CLI::App& command) {
  bind(command.add_option("--epochs", training.epochs, "Passes over the training set, at most"),
       "/training/epochs")
      ->type_name("N")
      ->default_str("10 to 30, more on few data; lbfgs 200")
      ->group(kTrainingGroup);
  bind(command.add_option("--patience",
                          training.patience,
                          "Stop after so many epochs without a better result\n"
                          "on the development set; 0: never"),
       "/training/patience")
      ->type_name("N")
      ->capture_default_str()
      ->group(kTrainingGroup);
  bind(command.add_option(
           "--min-loss", training.min_loss, "Stop when the training loss is not above this"),
       "/training/min_loss")
      ->type_name("X")
      ->capture_default_str()
      ->group(kTrainingGroup);
  bind(command.add_option(
           "--batch-tokens", training.batch_tokens, "Steps in a batch, padding included"),
       "/training/batch_tokens")
      ->type_name("N")
      ->default_str("200 to 2000, fewer on few data")
      ->group(kTrainingGroup);
  bind(
      add_choice(command,
                 "--optimizer",
                 training.optimizer,
                 optimizer_from_name,
                 {"adam", "adamw", "sgd", "lbfgs"},
                 "How weights are changed; lbfgs goes over the whole\ntraining set for every step"),
      "/training/optimizer")
      ->default_str(name(training.optimizer))
      ->group(kTrainingGroup);
  bind(command.add_option("--learning-rate", training.learning_rate, "Step size"),
       "/training/learning_rate")
      ->type_name("X")
      ->default_str("0.002; sgd 0.1, lbfgs 1")
      ->group(kTrainingGroup);
  bind(command.add_option("--learning-rate-decay",
                          training.learning_rate_decay,
                          "Factor of the learning rate after each epoch"),
       "/training/learning_rate_decay")
      ->type_name("X")
      ->capture_default_str()
      ->group(kTrainingGroup);
  bind(command.add_option("--momentum", training.momentum, "Of sgd"), "/training/momentum")
      ->type_name("X")
      ->capture_default_str()
      ->group(kTrainingGroup);
  bind(command.add_option("--weight-decay", training.weight_decay, "Pull of weights to 0"),
       "/training/weight_decay")
      ->type_name("X")
      ->capture_default_str()
      ->group(kTrainingGroup);
  bind(command.add_option("--clip-norm", training.clip_norm, "Greatest gradient norm; 0: any"),
       "/training/clip_norm")
      ->type_name("X")
      ->capture_default_str()
      ->group(kTrainingGroup);
  bind(command.add_option(
           "--word-dropout",
           training.word_dropout,
           "In training read a word that was seen n times\nas <unk> with the chance X / (X + n)"),
       "/training/word_dropout")
      ->type_name("X")
      ->default_str("0.25 to label, 0 to classify")
      ->group(kTrainingGroup);
  bind(command.add_option("--seed", training.seed, "Of all that is random"), "/training/seed")
      ->type_name("N")
      ->capture_default_str()
      ->group(kTrainingGroup);
  bind(add_choice(command,
                  "--dtype",
                  training.precision,
                  precision_from_name,
                  {"float32", "float64"},
                  "Of the weights"),
       "/training/dtype")
      ->default_str(name(training.precision))
      ->group(kTrainingGroup);
}

void TrainArguments::add_run(CLI::App& command) {
  command.add_option("--out", out, "Folder that keeps the run: the model and how it was trained")
      ->type_name("RUN")
      ->group(kRunGroup);
  command
      .add_flag("--resume",
                resume,
                "Go on with an interrupted run, to the same weights as\n"
                "without the interruption; other options are not needed")
      ->group(kRunGroup);
  command.add_flag("--overwrite", overwrite, "Replace the run that is in the folder")
      ->group(kRunGroup);
  bind(command.add_option("--threads", training.threads, "Processor threads"), "/training/threads")
      ->type_name("N")
      ->default_str("one per core")
      ->group(kRunGroup);
}

bool TrainArguments::given(const std::string& name) const {
  return command_.get_option(name)->count() > 0;
}

void TrainArguments::refuse(const std::string& option, const std::string& with) const {
  if (given(option)) throw UsageError(option + " has no meaning with " + with);
}

void TrainArguments::complete() {
  apply_config(command_);
  if (out.empty()) throw UsageError("--out is missing: the folder that is to keep the run");
  if (resume && overwrite) {
    throw UsageError("--resume and --overwrite contradict: go on with the run or replace it");
  }
  if (resume) return;
  if (!given("--task")) throw UsageError("--task is missing: classify or label");
  if (train_file.empty()) throw UsageError("--train is missing: the file of the training set");
  check_contradictions();

  if (!given("--pooling") && model.task == Task::kClassify) model.pooling = Pooling::kMax;
  if (!given("--learning-rate")) {
    training.learning_rate = default_learning_rate(training.optimizer);
  }
  if (dev_file.empty()) training.patience = 0;
}

void TrainArguments::check_contradictions() const {
  if (dev_file.empty()) refuse("--patience", "no --dev");
  if (model.task == Task::kLabel) refuse("--pooling", "--task label");
  if (model.cell != Cell::kLstm) refuse("--proj-size", "--cell " + name(model.cell));
  if (model.input == InputKind::kOneHot) {
    refuse("--embedding", "--input one_hot");
    refuse("--characters", "--input one_hot");
  }
  if (training.optimizer != OptimizerKind::kSgd) {
    refuse("--momentum", "--optimizer " + name(training.optimizer));
  }
  if (training.optimizer == OptimizerKind::kLbfgs) {
    // Its line search compares losses, which must then be the same for the same weights.
    for (const char* option : {"--dropout", "--word-dropout", "--weight-decay", "--clip-norm"}) {
      refuse(option, "--optimizer lbfgs");
    }
  }
}

void TrainArguments::suit(InputKind text_or_dense, int64_t num_steps) {
  if (text_or_dense == InputKind::kDense) {
    if (model.task == Task::kLabel) {
      throw UsageError("--task label needs text, but " + train_file + " holds numeric series");
    }
    for (const char* option :
         {"--input", "--embedding", "--characters", "--min-count", "--word-dropout"}) {
      refuse(option, "numeric series");
    }
    model.input = InputKind::kDense;
  }
  if (resume) return;
  const TrainDefaults defaults =
      train_defaults(model.task, model.input, training.optimizer, num_steps);
  const auto set = [this](const char* option, auto& value, auto standard) {
    if (!given(option)) value = standard;
  };
  set("--hidden", model.hidden_size, defaults.hidden_size);
  set("--characters", model.character_hidden_size, defaults.character_hidden_size);
  set("--dropout", model.dropout, defaults.dropout);
  set("--word-dropout", training.word_dropout, defaults.word_dropout);
  set("--batch-tokens", training.batch_tokens, defaults.batch_tokens);
  set("--epochs", training.epochs, defaults.epochs);
}

void TrainArguments::take_from(const RunDescription& description) {
  const nlohmann::json now = {{"model", model}, {"training", training}};
  const nlohmann::json then = description;
  for (const auto& [option, place] : bound_) {
    if (option->count() == 0) continue;
    const nlohmann::json::json_pointer pointer(place);
    if (now.at(pointer) == then.at(pointer)) continue;
    throw UsageError(option->get_name() + " " + shown(now.at(pointer)) +
                     " contradicts the run in " + out + ", which has " + shown(then.at(pointer)) +
                     ": --resume goes on with the run's own options");
  }
  model = description.model;
  training = description.training;
  if (train_file.empty()) train_file = description.train.file;
  if (dev_file.empty()) dev_file = description.dev.file;
}

}  // namespace masked_rnn
