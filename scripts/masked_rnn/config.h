// Options of a subcommand from a TOML file.
#pragma once

#include <CLI/CLI.hpp>

namespace masked_rnn {

// Adds --config FILE to `command`.
void add_config_option(CLI::App& command);

// Gives every option that the file names and the command line does not its value from the file.
// After parsing. Throws UsageError for unknown keys and bad values, DataError if the file cannot be
// read.
void apply_config(CLI::App& command);

}  // namespace masked_rnn
