// masked-rnn: trains sequence models, evaluates, applies and exports them. This file chooses the
// subcommand and turns what went wrong into one line and an exit status: 1 for data and files, 2
// for the command line itself.
#include <c10/util/Exception.h>
#include <masked_rnn/models/error.h>
#include <signal.h>

#include <CLI/CLI.hpp>
#include <functional>
#include <iostream>
#include <new>
#include <sstream>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "commands.h"
#include "help.h"
#include "streams.h"
#include "usage_error.h"

namespace {

constexpr int kDataStatus = 1;
constexpr int kUsageStatus = 2;

constexpr auto kDescription =
    R"(Trains recurrent networks that classify or label sequences, and applies them.

  masked-rnn train --task label --train train.conllu --dev dev.conllu --out tagger
  masked-rnn evaluate tagger test.conllu
  echo 'What a day!' | masked-rnn predict tagger
  masked-rnn export tagger tagger.pt
)";

// The first line of the message, which the program's name opens: not the library's too.
int report(const std::string& message, int status) {
  constexpr std::string_view kLibrary = "masked_rnn: ";
  const size_t begin = message.starts_with(kLibrary) ? kLibrary.size() : 0;
  std::cerr << "masked-rnn: " << message.substr(begin, message.find('\n') - begin) << std::endl;
  return status;
}

// The subcommand that was asked for, with the words before its name, for "see ... --help".
std::string asked_for(const CLI::App& program) {
  std::string name = program.get_name();
  for (const CLI::App* command : program.get_subcommands()) name += " " + command->get_name();
  return name;
}

// Whether there is a command to run: else --help or --version has been answered.
bool parse(CLI::App& program, int argc, char** argv) {
  try {
    program.parse(argc, argv);
    return true;
  } catch (const CLI::Success& asked) {
    std::ostringstream answer;
    program.exit(asked, answer, answer);
    masked_rnn::Output output;
    output.write(answer.str());
    output.flush();
    return false;
  }
}

int run(int argc, char** argv) {
  CLI::App program(kDescription, "masked-rnn");
  program.require_subcommand(0, 1);  // CLI11 would name a misspelt one last
  program.set_version_flag("--version", MASKED_RNN_VERSION);
  program.formatter(masked_rnn::help_formatter());
  const std::vector<std::pair<std::string, std::function<int()>>> commands{
      {"train", masked_rnn::add_train_command(program)},
      {"evaluate", masked_rnn::add_evaluate_command(program)},
      {"predict", masked_rnn::add_predict_command(program)},
      {"export", masked_rnn::add_export_command(program)}};
  try {
    if (!parse(program, argc, argv)) return 0;
    for (const auto& [name, command] : commands) {
      if (program.got_subcommand(name)) return command();
    }
    throw masked_rnn::UsageError(
        "expected train, evaluate, predict or export (see masked-rnn --help)");
  } catch (const CLI::ParseError& error) {
    return report(std::string(error.what()) + " (see " + asked_for(program) + " --help)",
                  kUsageStatus);
  } catch (const masked_rnn::UsageError& error) {
    return report(error.what(), kUsageStatus);
  } catch (const masked_rnn::DataError& error) {
    return report(error.what(), kDataStatus);
  } catch (const c10::Error& error) {
    return report(error.what_without_backtrace(), kDataStatus);
  } catch (const std::bad_alloc&) {
    return report("out of memory", kDataStatus);
  } catch (const std::exception& error) {
    return report(error.what(), kDataStatus);
  }
}

}  // namespace

int main(int argc, char** argv) {
  masked_rnn::reserve_standard_streams();
  ::signal(SIGXFSZ, SIG_IGN);  // a file over the limit is an error like a full disk
  return run(argc, argv);
}
