// The first files of a run.
#include "run_folder.h"

#include <masked_rnn/models/files.h>

#include <filesystem>
#include <system_error>

namespace masked_rnn {
namespace {

// run.json first: without it the others are no run.
void remove_run(const std::string& folder) {
  std::error_code ignored;
  for (const char* name :
       {kRunFile, kCheckpointFile, kModelFile, kMetricsFile, kVocabularyFile, kLabelsFile}) {
    std::filesystem::remove(path_in(folder, name), ignored);
  }
}

}  // namespace

void start_run(const std::string& folder,
               const RunDescription& description,
               const Vocabulary* vocabulary,
               const LabelSet& labels,
               Trainer& trainer) {
  const bool made = make_folder(folder);
  try {
    remove_run(folder);
    if (vocabulary != nullptr) vocabulary->save(path_in(folder, kVocabularyFile));
    labels.save(path_in(folder, kLabelsFile));
    trainer.start_in(folder);
    save_description(description, folder);
  } catch (...) {
    remove_run(folder);
    std::error_code ignored;
    if (made) std::filesystem::remove(folder, ignored);
    throw;
  }
}

}  // namespace masked_rnn
