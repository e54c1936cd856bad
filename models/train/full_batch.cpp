// The full loss, with gradients or without, and the step that must lower it.
#include <ATen/ops/full.h>
#include <masked_rnn/models/train/full_batch.h>
#include <masked_rnn/models/weights.h>

#include <cmath>

namespace masked_rnn {
namespace {

// Leaves the optimizer's closure.
struct Stopped {};

struct FullLoss {
  double sum = 0.0;
  int64_t num_targets = 0;
  int64_t num_tokens = 0;
  double mean() const { return num_targets == 0 ? 0.0 : sum / num_targets; }
};

// With gradients enabled adds those of the sum to the parameters.
FullLoss full_loss(SequenceModel& model, const FullBatch& data) {
  FullLoss loss;
  for (int64_t b = 0; b < data.num_batches; ++b) {
    if (data.stop()) throw Stopped();
    const Batch batch = data.batch(b);
    const LossSum part = cross_entropy(model.forward(batch), batch.targets);
    if (torch::GradMode::is_enabled() && part.count > 0) part.sum.backward();
    loss.sum += part.sum.item<double>();
    loss.num_targets += part.count;
    loss.num_tokens += batch.lengths.sum().item<int64_t>();
    data.on_batch(b + 1);
  }
  return loss;
}

}  // namespace

FullBatchStep full_batch_step(SequenceModel& model,
                              torch::optim::Optimizer& optimizer,
                              const FullBatch& data) {
  const Weights before = copy_weights(model);
  FullBatchStep step;
  double first_loss = NAN;
  const auto closure = [&] {
    optimizer.zero_grad();
    const FullLoss loss = full_loss(model, data);
    for (const torch::Tensor& parameter : model.parameters()) {
      if (parameter.grad().defined()) parameter.mutable_grad().div_(loss.num_targets);
    }
    step.num_tokens += loss.num_tokens;
    if (std::isnan(first_loss)) first_loss = loss.mean();
    return at::full({}, loss.mean(), torch::kFloat64);
  };
  try {
    optimizer.step(closure);
    torch::NoGradGuard no_grad;
    const FullLoss after = full_loss(model, data);
    step.num_tokens += after.num_tokens;
    step.num_targets = after.num_targets;
    step.loss_sum = after.sum;
    step.lowered = after.mean() < first_loss;
  } catch (const Stopped&) {
    step.stopped = true;
  }
  if (!step.lowered) set_weights(model, before);
  return step;
}

}  // namespace masked_rnn
