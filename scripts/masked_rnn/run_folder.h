// A new run's folder: all of its first files, or none.
#pragma once

#include <masked_rnn/models/run.h>
#include <masked_rnn/models/text/vocabulary.h>
#include <masked_rnn/models/train/trainer.h>

#include <string>

namespace masked_rnn {

// Makes the folder and writes what a run needs before its first epoch, in place of the files of a
// run that was there. If that fails nothing is left of it, and DataError is thrown.
void start_run(const std::string& folder,
               const RunDescription& description,
               const Vocabulary* vocabulary,  // nullptr for dense input
               const LabelSet& labels,
               Trainer& trainer);

// Removes what a process that was killed while writing a file of the run has left behind.
void remove_leftovers(const std::string& folder);

}  // namespace masked_rnn
