// The options that evaluate and predict share.
#include "apply_options.h"

#include "config.h"
#include "threads.h"
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
  if (batch_tokens < 1) throw UsageError("--batch-tokens must be at least 1");
  set_threads(threads);
}

}  // namespace masked_rnn
