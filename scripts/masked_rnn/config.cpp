// The file is read by CLI11's TOML reader; which options it may name is decided here, since CLI11
// looks for a configuration file of the whole program only.
#include "config.h"

#include <masked_rnn/models/files.h>

#include <CLI/CLI.hpp>
#include <sstream>
#include <string>

#include "usage_error.h"

namespace masked_rnn {
namespace {

constexpr auto kConfig = "config";

// CLI11 marks where a section begins and ends with items of these names.
bool is_section_mark(const CLI::ConfigItem& item) { return item.name == "++" || item.name == "--"; }

CLI::Option& option_named(CLI::App& command, const std::string& name, const std::string& file) {
  CLI::Option* option = command.get_option_no_throw("--" + name);
  if (option == nullptr || name == kConfig || name == "help") {
    throw UsageError(file + ": `" + name + "` is no option of masked-rnn " + command.get_name());
  }
  return *option;
}

}  // namespace

void add_config_option(CLI::App& command) {
  command
      .add_option(std::string("--") + kConfig,
                  "TOML file with options as name = value,\nwithout dashes before the name")
      ->type_name("FILE")
      ->group("Other");
}

void apply_config(CLI::App& command) {
  const CLI::Option& config = *command.get_option(std::string("--") + kConfig);
  if (config.count() == 0) return;
  const auto file = config.as<std::string>();
  std::istringstream content(read_bytes(file));
  for (const CLI::ConfigItem& item : CLI::ConfigTOML().from_config(content)) {
    if (is_section_mark(item)) continue;
    if (!item.parents.empty() && item.parents != std::vector{command.get_name()}) {
      throw UsageError(file + ": expected no section but [" + command.get_name() + "], but got [" +
                       item.parents.front() + "]");
    }
    CLI::Option& option = option_named(command, item.name, file);
    if (option.count() > 0) continue;
    try {
      for (const std::string& input : item.inputs) option.add_result(input);
      option.run_callback();
    } catch (const CLI::ParseError& error) {
      throw UsageError(file + ": " + error.what());
    }
  }
}

}  // namespace masked_rnn
