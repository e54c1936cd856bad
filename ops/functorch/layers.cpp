// The layers under torch.func.vmap: sequences that it maps over join the batch; where it maps over
// weights, or asks for gradients of weights, one place is computed after another.
#include <ATen/core/Tensor.h>
#include <ATen/functorch/DynamicLayer.h>
#include <ATen/functorch/PlumbingHelper.h>
#include <ATen/ops/stack.h>
#include <c10/core/impl/LocalDispatchKeySet.h>
#include <masked_rnn/csrc/reference/layer.h>
#include <masked_rnn/ops/checks.h>
#include <masked_rnn/ops/gru.h>
#include <masked_rnn/ops/layer.h>
#include <masked_rnn/ops/layer_adapters.h>
#include <masked_rnn/ops/lstm.h>
#include <masked_rnn/ops/rnn.h>
#include <torch/library.h>

#include <algorithm>
#include <array>
#include <vector>

namespace masked_rnn {
namespace {

// The innermost vmap: V places.
struct Map {
  int64_t level;
  c10::SymInt V;
};

Map innermost_map() {
  const auto layer = at::functorch::maybeCurrentDynamicLayer();
  TORCH_CHECK_VALUE(layer.has_value() && layer->key() == at::functorch::TransformType::Vmap,
                    "masked_rnn: expected tensors of torch.func.vmap to be used inside of it, but "
                    "got one outside");
  return {layer->layerId(), layer->batchSize()};
}

// A tensor as the level below the map has it.
struct Unwrapped {
  at::Tensor tensor;    // the mapped dimension in front, if there is one
  bool mapped = false;  // else the same at every place

  Unwrapped(const at::Tensor& wrapped, const Map& map) : tensor(wrapped) {
    if (wrapped.defined()) {
      const auto [value, dim] = at::functorch::unwrapTensorAtLevel(wrapped, map.level);
      mapped = dim.has_value();
      tensor = mapped ? value.movedim(*dim, 0) : value;
    }
  }
  at::Tensor at(int64_t place) const { return mapped ? tensor.select(0, place) : tensor; }
  // The batch, which is dimension `dim` at each place, of all places.
  at::Tensor joined(int64_t dim, const Map& map) const {
    if (!tensor.defined()) {
      return tensor;
    }
    if (mapped) {
      return tensor.movedim(0, dim).flatten(dim, dim + 1);
    }
    auto sizes = tensor.sym_sizes().vec();
    sizes.insert(sizes.begin() + dim, map.V);
    return tensor.unsqueeze(dim).expand_symint(sizes).flatten(dim, dim + 1);
  }
};

// The inverse of joined.
at::Tensor separated(const at::Tensor& tensor, int64_t dim, const Map& map) {
  if (!tensor.defined()) {
    return tensor;
  }
  const auto batch = tensor.sym_size(dim) / map.V;
  return at::functorch::makeBatched(tensor.unflatten_symint(dim, {map.V, batch}), dim, map.level);
}

at::Tensor stacked(const std::vector<at::Tensor>& places, const Map& map) {
  return places[0].defined() ? at::functorch::makeBatched(at::stack(places), 0, map.level)
                             : places[0];
}

constexpr auto kWeights = {kWeightIh, kWeightHh, kBiasIh, kBiasHh, kWeightHr};

class MappedLayer {
 public:
  MappedLayer(const LayerArguments& a, const Map& map)
      : map_(map), arguments_(a), lengths_(a.lengths, map), mask_(a.mask, map) {
    for (const auto* tensor : reference::differentiable(arguments_)) {
      tensors_.emplace_back(*tensor, map);
    }
  }

  bool mapped() const {
    return lengths_.mapped || mask_.mapped ||
           std::any_of(tensors_.begin(), tensors_.end(), [](const auto& t) { return t.mapped; });
  }
  bool weights_mapped() const {
    return std::any_of(
        kWeights.begin(), kWeights.end(), [&](Wanted weight) { return tensors_[weight].mapped; });
  }

  LayerArguments at(int64_t place) const {
    LayerArguments a = arguments_;
    const auto tensors = reference::differentiable(a);
    for (int i = 0; i < kNumWanted; ++i) {
      *tensors[i] = tensors_[i].at(place);
    }
    a.lengths = lengths_.at(place);
    a.mask = mask_.at(place);
    return a;
  }
  // One layer for all places; their weights must be the same.
  LayerArguments joined() const {
    LayerArguments a = at(0);
    a.input = tensors_[kInput].joined(1, map_);
    a.h_0 = tensors_[kH0].joined(0, map_);
    a.c_0 = tensors_[kC0].joined(0, map_);
    a.lengths = lengths_.joined(0, map_);
    a.mask = mask_.joined(1, map_);
    return a;
  }

 private:
  Map map_;
  LayerArguments arguments_;
  std::vector<Unwrapped> tensors_;  // as Wanted counts them
  Unwrapped lengths_, mask_;
};

LayerResult batched_forward(const LayerArguments& a, bool save) {
  check_presence(a);
  const auto map = innermost_map();
  c10::impl::ExcludeDispatchKeyGuard below(c10::DispatchKey::FuncTorchBatched);
  const MappedLayer layer(a, map);
  if (!layer.mapped()) {
    return call_layer(a, save);
  }
  if (!layer.weights_mapped()) {
    auto y = call_layer(layer.joined(), save);
    if (save) {  // opaque: whole again when the backward joins the places
      const auto rows = y.saved.sym_size(0) / map.V, size = y.saved.sym_size(1);
      y.saved =
          at::functorch::makeBatched(y.saved.reshape_symint({map.V, rows, size}), 0, map.level);
    }
    return {
        separated(y.output, 1, map), separated(y.h_n, 1, map), separated(y.c_n, 1, map), y.saved};
  }
  const int64_t V = map.V.guard_int(__FILE__, __LINE__);
  std::vector<at::Tensor> output, h_n, c_n, saved;
  for (int64_t place = 0; place < V; ++place) {
    const auto y = call_layer(layer.at(place), save);
    output.push_back(y.output);
    h_n.push_back(y.h_n);
    c_n.push_back(y.c_n);
    saved.push_back(y.saved);
  }
  return {stacked(output, map),
          stacked(h_n, map),
          stacked(c_n, map),
          save ? stacked(saved, map) : saved[0]};
}

LayerGradients batched_backward(const LayerArguments& a,
                                const at::Tensor& output,
                                const at::Tensor& saved,
                                const OutputGradients& grads,
                                const WantedMask& wanted) {
  check_presence_backward(a, output, saved);
  const auto map = innermost_map();
  c10::impl::ExcludeDispatchKeyGuard below(c10::DispatchKey::FuncTorchBatched);
  const MappedLayer layer(a, map);
  const Unwrapped y(output, map), kept(saved, map);
  const Unwrapped grad_y(grads.output, map), grad_h(grads.h_n, map), grad_c(grads.c_n, map);
  if (!layer.mapped() && !y.mapped && !kept.mapped && !grad_y.mapped && !grad_h.mapped &&
      !grad_c.mapped) {
    return call_layer_backward(a, output, saved, grads, wanted);
  }
  // What the forward kept is of all places as one batch if it joined them.
  const bool joined = kept.mapped && !layer.weights_mapped();
  const bool weights_wanted =
      std::any_of(kWeights.begin(), kWeights.end(), [&](Wanted weight) { return wanted[weight]; });
  if (joined && !weights_wanted) {
    auto result =
        call_layer_backward(layer.joined(),
                            y.joined(1, map),
                            kept.tensor.flatten(0, 1),
                            {grad_y.joined(1, map), grad_h.joined(1, map), grad_c.joined(1, map)},
                            wanted);
    result[kInput] = separated(result[kInput], 1, map);
    result[kH0] = separated(result[kH0], 0, map);
    result[kC0] = separated(result[kC0], 0, map);
    return result;
  }
  const int64_t V = map.V.guard_int(__FILE__, __LINE__);
  std::array<std::vector<at::Tensor>, kNumWanted> places;
  for (int64_t place = 0; place < V; ++place) {
    const auto here = layer.at(place);
    // Each sequence has the bits that it had in the joined batch.
    const auto kept_here = joined ? call_layer(here, /*save=*/true).saved : kept.at(place);
    const auto g = call_layer_backward(here,
                                       y.at(place),
                                       kept_here,
                                       {grad_y.at(place), grad_h.at(place), grad_c.at(place)},
                                       wanted);
    for (int i = 0; i < kNumWanted; ++i) {
      places[i].push_back(g[i]);
    }
  }
  LayerGradients result;
  for (int i = 0; i < kNumWanted; ++i) {
    result[i] = stacked(places[i], map);
  }
  return result;
}

}  // namespace
}  // namespace masked_rnn

TORCH_LIBRARY_IMPL(masked_rnn, FuncTorchBatched, m) {
  masked_rnn::register_layers<masked_rnn::batched_forward, masked_rnn::batched_backward>(m);
  if (!masked_rnn::may_register()) {
    return;
  }
  // Made of layers and ATen's operations, as everywhere; vmap asks for that to be said.
  m.impl("lstm", TORCH_FN(masked_rnn::lstm));
  m.impl("gru", TORCH_FN(masked_rnn::gru));
  m.impl("rnn_tanh", TORCH_FN(masked_rnn::rnn_tanh));
  m.impl("rnn_relu", TORCH_FN(masked_rnn::rnn_relu));
}
