// masked-rnn evaluate: how much of a labelled file a trained model gets right.
#include <masked_rnn/models/inference.h>
#include <masked_rnn/models/run.h>

#include <cstdio>
#include <memory>
#include <string>

#include "apply_options.h"
#include "commands.h"
#include "data_sets.h"
#include "streams.h"

namespace masked_rnn {
namespace {

constexpr auto kEvaluationOutput =
    R"(The last line is "accuracy 0.9123": the part of the sequences, or of all
words, whose label is right.
)";

struct EvaluateArguments {
  ApplyArguments apply;
  std::string file;
  bool unknown_labels = false;
};

template <typename... Arguments>
std::string format(const char* pattern, Arguments... arguments) {
  char text[128];
  std::snprintf(text, sizeof text, pattern, arguments...);
  return text;
}

int evaluate_run(CLI::App& command, const EvaluateArguments& arguments) {
  arguments.apply.complete(command);
  const Run run = load_run(arguments.apply.run);
  const ModelOptions& options = run.description.model;
  const DataSet data = read_labelled(arguments.file);
  check_task(data, options.task);
  check_input(data, options);
  check_labels(data, run.labels, arguments.unknown_labels);
  const Evaluation result = *evaluate(*run.model,
                                      data,
                                      run.vocabulary ? &*run.vocabulary : nullptr,
                                      run.labels,
                                      arguments.apply.batch_tokens);
  Output output;
  output.write(format("sequences %zu\n", data.examples.size()));
  output.write(format("labels %lld\n", static_cast<long long>(result.total)));
  output.write(format("loss %.4f\n", result.loss));
  output.write(format("accuracy %.4f\n", result.accuracy()));
  output.flush();
  return 0;
}

}  // namespace

std::function<int()> add_evaluate_command(CLI::App& program) {
  CLI::App& command =
      *program.add_subcommand("evaluate", "Measure a trained model on a labelled file");
  command.footer(kEvaluationOutput);
  auto arguments = std::make_shared<EvaluateArguments>();
  arguments->apply.add_to(command);
  command.add_option("FILE", arguments->file, "Labelled file: .tsv .csv .conllu .conll .ts")
      ->required();
  command
      .add_flag("--unknown-labels",
                arguments->unknown_labels,
                "Count labels that the model does not know as wrong\ninstead of refusing the file")
      ->group("Data");
  return [&command, arguments] { return evaluate_run(command, *arguments); };
}

}  // namespace masked_rnn
