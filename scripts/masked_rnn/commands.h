// The subcommands of masked-rnn.
#pragma once

#include <CLI/CLI.hpp>
#include <functional>

namespace masked_rnn {

// Each adds a subcommand with its options to `program` and returns what runs it, after parsing, to
// an exit status. That throws UsageError, DataError or c10::Error.
std::function<int()> add_train_command(CLI::App& program);
std::function<int()> add_evaluate_command(CLI::App& program);
std::function<int()> add_predict_command(CLI::App& program);
std::function<int()> add_export_command(CLI::App& program);

}  // namespace masked_rnn
