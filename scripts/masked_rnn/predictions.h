// Predictions as lines of text.
#pragma once

#include <masked_rnn/models/inference.h>
#include <masked_rnn/models/options.h>
#include <masked_rnn/models/text/example.h>
#include <masked_rnn/models/text/vocabulary.h>

#include <string>

namespace masked_rnn {

// Classification: "label<TAB>probability<TAB>text\n", without the text for series. Labelling: the
// sentence in two columns if it came in two, else in CoNLL-U, with a blank line at its end.
std::string predicted_text(const DataSet& data,
                           const Example& example,
                           const Prediction& prediction,
                           const LabelSet& labels,
                           Task task);

}  // namespace masked_rnn
