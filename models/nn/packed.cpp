// Between torch::nn's PackedSequence and the padded batch that the operators take.
#include <ATen/ops/arange.h>
#include <ATen/ops/zeros.h>
#include <masked_rnn/models/nn/packed.h>

#include <utility>

namespace masked_rnn {

using torch::Tensor;
using torch::nn::utils::rnn::PackedSequence;

// Row r of the packed data is the r-th pair (t, b) with b < batch_sizes[t], time-major: one index
// list serves both directions, and autograd runs through one copy each way.
UnpackedBatch unpack(const PackedSequence& packed) {
  const Tensor& data = packed.data();
  const Tensor& batch_sizes = packed.batch_sizes();
  const int64_t T = batch_sizes.size(0);
  const int64_t B = T > 0 ? batch_sizes[0].item<int64_t>() : 0;

  const Tensor valid = at::arange(B, batch_sizes.options()).unsqueeze(0) < batch_sizes.unsqueeze(1);
  UnpackedBatch batch;
  batch.lengths = valid.sum(0).to(data.device());
  batch.rows = valid.flatten().nonzero().squeeze(1).to(data.device());

  std::vector<int64_t> shape = data.sizes().vec();
  shape[0] = T * B;
  const Tensor padded = at::zeros(shape, data.options()).index_copy(0, batch.rows, data);
  shape[0] = B;
  shape.insert(shape.begin(), T);
  batch.input = padded.view(shape);
  return batch;
}

PackedSequence pack_as(const PackedSequence& like,
                       const UnpackedBatch& batch,
                       const Tensor& output) {
  return PackedSequence(output.flatten(0, 1).index_select(0, batch.rows),
                        like.batch_sizes(),
                        like.sorted_indices(),
                        like.unsorted_indices());
}

Tensor permute_state(const Tensor& state, const Tensor& indices) {
  return state.defined() && indices.defined() ? state.index_select(1, indices) : state;
}

}  // namespace masked_rnn
