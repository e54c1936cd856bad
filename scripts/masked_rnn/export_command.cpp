// masked-rnn export: a trained model as one TorchScript file.
#include <masked_rnn/models/export/torchscript.h>
#include <masked_rnn/models/run.h>

#include <memory>
#include <string>

#include "commands.h"

namespace masked_rnn {
namespace {

constexpr auto kUse =
    R"(The file carries the vocabulary and needs nothing but torch and the operator library:

  import torch, masked_rnn
  model = torch.jit.load("MODEL.pt")
  model(["What a day!"])
)";

}  // namespace

std::function<int()> add_export_command(CLI::App& program) {
  CLI::App& command =
      *program.add_subcommand("export", "Write a trained model as one TorchScript file");
  command.footer(kUse);
  struct Arguments {
    std::string run, file;
  };
  auto arguments = std::make_shared<Arguments>();
  command.add_option("RUN", arguments->run, "Folder that masked-rnn train has made")->required();
  command.add_option("MODEL.pt", arguments->file, "File to write")->required();
  return [arguments] {
    const Run run = load_run(arguments->run);
    export_torchscript(
        *run.model, run.vocabulary ? &*run.vocabulary : nullptr, run.labels, arguments->file);
    return 0;
  };
}

}  // namespace masked_rnn
