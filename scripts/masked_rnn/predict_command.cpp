// masked-rnn predict: labels for new text or series.
#include <masked_rnn/models/error.h>
#include <masked_rnn/models/inference.h>
#include <masked_rnn/models/run.h>
#include <masked_rnn/models/text/readers.h>

#include <CLI/CLI.hpp>
#include <iostream>
#include <memory>
#include <string>
#include <vector>

#include "apply_options.h"
#include "commands.h"
#include "data_sets.h"
#include "help.h"
#include "predictions.h"
#include "streams.h"

namespace masked_rnn {
namespace {

constexpr auto kPredictionOutput = R"(Writes to standard output:
  a classifier  label <TAB> probability <TAB> text, a line for each sequence
  a labeller    CoNLL-U with the label of each word as UPOS; .conllu and .conll input
                comes back with only the labels changed
)";

struct PredictArguments {
  ApplyArguments apply;
  std::vector<std::string> files;
  std::string format;
};

DataSet read_input(const std::string& file, const PredictArguments& arguments) {
  const bool standard_input = file == "-";
  Format format = Format::kText;
  if (!arguments.format.empty()) {
    format = format_from_name(arguments.format);
  } else if (!standard_input) {
    format = format_of(file);
  }
  return standard_input ? read(std::cin, "standard input", format) : read(file, format);
}

int predict_with_run(CLI::App& command, const PredictArguments& arguments) {
  arguments.apply.complete(command);
  const Run run = load_run(arguments.apply.run);
  const ModelOptions& options = run.description.model;
  std::vector<std::string> files = arguments.files;
  if (files.empty()) files.emplace_back("-");
  Output output;
  for (const std::string& file : files) {
    const DataSet data = read_input(file, arguments);
    check_input(data, options);
    const auto predictions = *predict(*run.model,
                                      data,
                                      run.vocabulary ? &*run.vocabulary : nullptr,
                                      run.labels,
                                      arguments.apply.batch_tokens);
    for (size_t i = 0; i < predictions.size(); ++i) {
      output.write(
          predicted_text(data, data.examples[i], predictions[i], run.labels, options.task));
    }
  }
  output.flush();
  return 0;
}

}  // namespace

std::function<int()> add_predict_command(CLI::App& program) {
  CLI::App& command =
      *program.add_subcommand("predict", "Apply a trained model to files or standard input");
  command.footer(kPredictionOutput);
  auto arguments = std::make_shared<PredictArguments>();
  arguments->apply.add_to(command);
  command.add_option("FILE",
                     arguments->files,
                     "By its ending: .txt (a sequence on each line), .tsv .csv\n"
                     ".conllu .conll .ts; - or none is standard input");
  only(command.add_option("--format", arguments->format, "Kind of the files, whatever the ending"),
       {"txt", "tsv", "csv", "conllu", "conll", "ts"})
      ->default_str("by the ending; standard input txt")
      ->group("Data");
  return [&command, arguments] { return predict_with_run(command, *arguments); };
}

}  // namespace masked_rnn
