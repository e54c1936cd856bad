// The GRU layer: torch::nn::GRU's parameters, masked_rnn::gru's arithmetic.
#include <masked_rnn/models/nn/gru.h>
#include <masked_rnn/models/nn/optional_tensor.h>
#include <masked_rnn/models/nn/packed.h>
#include <masked_rnn/models/nn/parameters.h>
#include <masked_rnn/ops/gru.h>

namespace masked_rnn {

using torch::Tensor;

GRUImpl::GRUImpl(int64_t input_size, int64_t hidden_size)
    : GRUImpl(torch::nn::GRUOptions(input_size, hidden_size)) {}

GRUImpl::GRUImpl(const torch::nn::GRUOptions& options) : torch::nn::GRUImpl(options) {}

std::tuple<Tensor, Tensor> GRUImpl::forward(const Tensor& input,
                                            Tensor hx,
                                            Tensor lengths,
                                            Tensor mask) {
  return run(input, hx, options.batch_first(), lengths, mask);
}

std::tuple<torch::nn::utils::rnn::PackedSequence, Tensor> GRUImpl::forward_with_packed_input(
    const torch::nn::utils::rnn::PackedSequence& packed_input, Tensor hx) {
  const UnpackedBatch batch = unpack(packed_input);
  auto [output, h_n] = run(batch.input,
                           permute_state(hx, packed_input.sorted_indices()),
                           /*batch_first=*/false,
                           batch.lengths,
                           {});
  return {pack_as(packed_input, batch, output),
          permute_state(h_n, packed_input.unsorted_indices())};
}

std::tuple<Tensor, Tensor> GRUImpl::run(const Tensor& input,
                                        const Tensor& hx,
                                        bool batch_first,
                                        const Tensor& lengths,
                                        const Tensor& mask) {
  return gru(input,
             optional_tensor(hx),
             flat_weights_,
             options.bias(),
             options.num_layers(),
             options.dropout(),
             is_training(),
             options.bidirectional(),
             batch_first,
             optional_tensor(lengths),
             optional_tensor(mask));
}

std::shared_ptr<torch::nn::Module> GRUImpl::clone(
    const std::optional<torch::Device>& device) const {
  auto copy = std::make_shared<GRUImpl>(*this);
  copy->parameters_.clear();
  copy->reset();
  copy_parameters(*this, *copy, device);
  return copy;
}

}  // namespace masked_rnn
