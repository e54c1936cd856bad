// Trained models as one TorchScript file: text in, labels out, with nothing loaded but the operator
// library.
#pragma once

#include <masked_rnn/models/sequence_model.h>
#include <masked_rnn/models/text/vocabulary.h>
#include <torch/csrc/jit/api/module.h>

#include <string>

namespace masked_rnn {

// The program that export_torchscript saves. Its methods:
//   text, classification   forward(List[str]) -> List[Tuple[str, float]]       label, probability
//   text, labelling        forward(List[str]) -> List[List[Tuple[str, str]]]   token, label
//   dense, classification  forward(List[Tensor]) -> List[Tuple[str, float]]    from series [T, I]
//   dense, labelling       forward(List[Tensor]) -> List[List[str]]            one label a step
//   text                   tokenize(str) -> List[str], and tag(List[List[str]]) or
//                          classify(List[List[str]]) for text that is tokenised already
// vocabulary is nullptr exactly for dense models. Parameters keep the names they have in `model`
// and are copied. Throws c10::Error if vocabulary or labels are not of the model's sizes.
torch::jit::Module to_torchscript(const SequenceModel& model,
                                  const Vocabulary* vocabulary,
                                  const LabelSet& labels);

// Saves it to `file`, whole or not at all; throws DataError if the file cannot be written.
void export_torchscript(const SequenceModel& model,
                        const Vocabulary* vocabulary,
                        const LabelSet& labels,
                        const std::string& file);

}  // namespace masked_rnn
