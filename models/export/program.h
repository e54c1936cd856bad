// The TorchScript text of an exported model.
#pragma once

#include <masked_rnn/models/sequence_model.h>

#include <string>

namespace masked_rnn {

// The methods of to_torchscript's module for this model. They refer to the model's parameters by
// name (self.encoder.embedding.weight), to self.vocabulary (Dict[str, int]), self.labels (List[str])
// and to the operators of `masked_rnn`.
std::string export_program(const SequenceModel& model);

}  // namespace masked_rnn
