// The first files of a run.
#include "run_folder.h"

#include <masked_rnn/models/files.h>

#include <array>
#include <filesystem>
#include <system_error>

namespace masked_rnn {
namespace {

// run.json first: without it the others are no run.
constexpr std::array kRunFiles{
    kRunFile, kCheckpointFile, kModelFile, kMetricsFile, kVocabularyFile, kLabelsFile};

void remove_run(const std::string& folder) {
  std::error_code ignored;
  for (const char* name : kRunFiles) std::filesystem::remove(path_in(folder, name), ignored);
}

}  // namespace

void start_run(const std::string& folder,
               const RunDescription& description,
               const Vocabulary* vocabulary,
               const LabelSet& labels,
               Trainer& trainer) {
  const bool made = make_folder(folder);
  try {
    remove_leftovers(folder);
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

void remove_leftovers(const std::string& folder) {
  std::error_code ignored;
  for (const auto& entry : std::filesystem::directory_iterator(folder, ignored)) {
    const std::string name = entry.path().filename().string();
    for (const char* file : kRunFiles) {
      if (is_temporary_of(file, name)) std::filesystem::remove(entry.path(), ignored);
    }
  }
}

}  // namespace masked_rnn
