// What the models share: the encoder, copies, the choice by task, and the loss.
#include <ATen/ops/cross_entropy_loss.h>
#include <masked_rnn/models/classifier.h>
#include <masked_rnn/models/labeller.h>
#include <masked_rnn/models/nn/parameters.h>
#include <masked_rnn/models/sequence_model.h>

namespace masked_rnn {
namespace {

const ModelOptions& checked(const ModelOptions& options) {
  check(options);
  return options;
}

}  // namespace

SequenceModel::SequenceModel(const ModelOptions& options)
    : options_(checked(options)), encoder_(register_module("encoder", Encoder(options))) {}

std::shared_ptr<torch::nn::Module> SequenceModel::clone(
    const std::optional<torch::Device>& device) const {
  std::shared_ptr<SequenceModel> copy = make_model(options_);
  copy_parameters(*this, *copy, device);
  copy->train(is_training());
  return copy;
}

std::shared_ptr<SequenceModel> make_model(const ModelOptions& options) {
  if (options.task == Task::kClassify) return std::make_shared<SequenceClassifierImpl>(options);
  return std::make_shared<SequenceLabellerImpl>(options);
}

LossSum cross_entropy(const torch::Tensor& logits, const torch::Tensor& targets) {
  TORCH_CHECK(logits.defined() && logits.dim() >= 2,
              "masked_rnn::cross_entropy: expected `logits` to be [B, K] or [T, B, K], but got ",
              logits.defined() ? c10::str(logits.sizes()) : "an undefined tensor");
  const int64_t K = logits.size(-1);
  TORCH_CHECK(targets.defined() && targets.sizes() == logits.sizes().slice(0, logits.dim() - 1),
              "masked_rnn::cross_entropy: expected `targets` to be ",
              logits.sizes().slice(0, logits.dim() - 1),
              ", but got ",
              targets.defined() ? c10::str(targets.sizes()) : "an undefined tensor");
  TORCH_CHECK(targets.scalar_type() == torch::kLong,
              "masked_rnn::cross_entropy: expected `targets` to be int64, but got ",
              targets.scalar_type());
  const torch::Tensor counted = targets != Batch::kIgnoreIndex;
  TORCH_CHECK(!(counted & ((targets < 0) | (targets >= K))).any().item<bool>(),
              "masked_rnn::cross_entropy: expected `targets` to be labels from 0 to ",
              K - 1,
              " or ",
              Batch::kIgnoreIndex,
              ", but got values from ",
              targets.min().item<int64_t>(),
              " to ",
              targets.max().item<int64_t>());
  const torch::Tensor sum = at::cross_entropy_loss(logits.reshape({-1, K}),
                                                   targets.reshape({-1}),
                                                   /*weight=*/{},
                                                   at::Reduction::Sum,
                                                   Batch::kIgnoreIndex);
  return {sum, counted.sum().item<int64_t>()};
}

}  // namespace masked_rnn
