// One label for a whole sequence.
#include <masked_rnn/models/classifier.h>
#include <masked_rnn/models/nn/pooling.h>

namespace masked_rnn {

SequenceClassifierImpl::SequenceClassifierImpl(const ModelOptions& options)
    : SequenceModel(options) {
  TORCH_CHECK(options.task == Task::kClassify,
              "masked_rnn: expected the task of a SequenceClassifier to be classify, but got ",
              masked_rnn::name(options.task));
  dropout_ = register_module("dropout", torch::nn::Dropout(options.dropout));
  linear_ =
      register_module("linear", torch::nn::Linear(encoder().output_size(), options.num_labels));
}

torch::Tensor SequenceClassifierImpl::forward(const Batch& batch) {
  const EncoderOutput states = encoder().forward(batch);
  torch::Tensor pooled;
  switch (options().pooling) {
    case Pooling::kLast:
      pooled = final_state(states.h_n, encoder().num_directions());
      break;
    case Pooling::kMean:
      pooled = masked_mean(states.output, batch.lengths);
      break;
    case Pooling::kMax:
      pooled = masked_max(states.output, batch.lengths);
      break;
  }
  return linear_->forward(dropout_->forward(pooled));
}

}  // namespace masked_rnn
