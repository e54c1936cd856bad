// One label for every step of a sequence.
#include <masked_rnn/models/labeller.h>

namespace masked_rnn {

SequenceLabellerImpl::SequenceLabellerImpl(const ModelOptions& options) : SequenceModel(options) {
  TORCH_CHECK(options.task == Task::kLabel,
              "masked_rnn: expected the task of a SequenceLabeller to be label, but got ",
              masked_rnn::name(options.task));
  dropout_ = register_module("dropout", torch::nn::Dropout(options.dropout));
  linear_ =
      register_module("linear", torch::nn::Linear(encoder().output_size(), options.num_labels));
}

torch::Tensor SequenceLabellerImpl::forward(const Batch& batch) {
  return linear_->forward(dropout_->forward(encoder().forward(batch).output));
}

}  // namespace masked_rnn
