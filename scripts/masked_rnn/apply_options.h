// The options that evaluate and predict share.
#pragma once

#include <CLI/CLI.hpp>
#include <cstdint>
#include <string>

namespace masked_rnn {

struct ApplyArguments {
  std::string run;
  int64_t threads = 0;  // 0: one per core
  int64_t batch_tokens = 8000;

  // Adds RUN and the options.
  void add_to(CLI::App& command);
  // After parsing: reads --config, throws UsageError, sets the number of threads.
  void complete(CLI::App& command) const;
};

}  // namespace masked_rnn
