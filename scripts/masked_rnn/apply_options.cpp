// The options that evaluate and predict share.
#include "apply_options.h"

#include <ATen/Parallel.h>

#include "config.h"
#include "usage_error.h"

namespace masked_rnn {

void ApplyArguments::add_to(CLI::App& command) {
  command.add_option("RUN", run, "Folder that masked-rnn train has made")->required();
  command.add_option("--threads", threads, "Processor threads")
      ->type_name("N")
      ->default_str("one per core")
      ->group("Computing");
  command.add_option("--batch-tokens", batch_tokens, "Steps in a batch, padding included")
      ->type_name("N")
      ->capture_default_str()
      ->group("Computing");
  add_config_option(command);
}

void ApplyArguments::complete(CLI::App& command) const {
  apply_config(command);
  if (threads < 0) throw UsageError("--threads must be at least 1, or 0 for one per core");
  if (batch_tokens < 1) throw UsageError("--batch-tokens must be at least 1");
  if (threads > 0) at::set_num_threads(static_cast<int>(threads));
}

}  // namespace masked_rnn
