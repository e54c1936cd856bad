// Layers × directions × dropout over the one-layer operators; see stack.h.
#include <ATen/ops/dropout.h>
#include <c10/util/Exception.h>
#include <masked_rnn/ops/bidirectional.h>
#include <masked_rnn/ops/checks.h>
#include <masked_rnn/ops/layer.h>
#include <masked_rnn/ops/stack.h>
#include <masked_rnn/ops/states.h>

#include <array>
#include <utility>

namespace masked_rnn {
namespace {

// A batch of one sequence becomes [T, 1, ...], batch_first becomes time-major: views only.
struct Layout {
  bool unbatched;
  bool batch_first;

  at::Tensor to_kernel(const at::Tensor& tensor) const {
    if (unbatched) {
      return tensor.unsqueeze(1);
    }
    return batch_first ? tensor.transpose(0, 1) : tensor;
  }
  at::Tensor from_kernel(const at::Tensor& tensor) const {
    if (unbatched) {
      return tensor.squeeze(1);
    }
    return batch_first ? tensor.transpose(0, 1) : tensor;
  }
};

int64_t params_per_layer(const StackArguments& a) {
  const uint64_t plain = a.has_biases ? 4 : 2;
  // Unsigned, and multiplied only when there are that many tensors: any num_layers may come.
  const uint64_t layers = static_cast<uint64_t>(a.num_layers) * (a.bidirectional ? 2 : 1);
  const uint64_t given = a.params.size();
  const bool enough = layers <= given;
  const bool projected = enough && a.cell == CellKind::kLstm && given == (plain + 1) * layers;
  TORCH_CHECK_VALUE(projected || (enough && given == plain * layers),
                    a.name,
                    ": expected `params` to hold ",
                    plain,
                    a.cell == CellKind::kLstm ? " (with a projection one more)" : "",
                    " tensors for each of ",
                    layers,
                    " layers and directions (has_biases=",
                    a.has_biases ? "True" : "False",
                    "), but got ",
                    given);
  return static_cast<int64_t>(projected ? plain + 1 : plain);
}

Layout check_input(const StackArguments& a) {
  TORCH_CHECK_VALUE(a.num_layers >= 1,
                    a.name,
                    ": expected `num_layers` to be at least 1, but got ",
                    a.num_layers);
  TORCH_CHECK_VALUE(a.dropout >= 0 && a.dropout <= 1,
                    a.name,
                    ": expected `dropout` to be in [0, 1], but got ",
                    a.dropout);
  const bool integer = at::isIntegralType(a.input.scalar_type(), /*includeBool=*/false);
  const int64_t batched = integer ? 2 : 3;
  TORCH_CHECK_VALUE(a.input.dim() == batched || a.input.dim() == batched - 1,
                    a.name,
                    ": expected `input` to have ",
                    batched - 1,
                    " (unbatched) or ",
                    batched,
                    integer ? " dimensions when it holds one-hot indices" : " dimensions",
                    ", but got ",
                    a.input.dim());
  return {a.input.dim() < batched, a.batch_first};
}

// h_0 or c_0 of every layer and direction: part of what was given, or the same zeros for all.
struct InitialState {
  at::Tensor tensor;  // [L*D, B, .]; zeros [B, .]
  bool given = false;

  at::Tensor of(int64_t index) const { return given ? tensor.select(0, index) : tensor; }
};

// Of as many as the cell has.
std::array<InitialState, 2> initial_states(const StackArguments& a,
                                           const Layout& layout,
                                           const c10::SymInt& batch,
                                           bool projected) {
  const int64_t layers = a.num_layers * (a.bidirectional ? 2 : 1);
  const size_t states = a.cell == CellKind::kLstm ? 2 : 1;
  TORCH_CHECK_VALUE(a.hx.empty() || a.hx.size() == states,
                    a.name,
                    ": expected `hx` to hold ",
                    states == 2 ? "h_0 and c_0, or nothing" : "h_0",
                    ", but got ",
                    a.hx.size(),
                    " tensors");
  TORCH_CHECK_VALUE(a.params[0].dim() == 2 && a.params[1].dim() == 2,
                    a.name,
                    ": expected `params` to begin with matrices weight_ih and weight_hh, but got ",
                    a.params[0].dim(),
                    " and ",
                    a.params[1].dim(),
                    " dimensions");
  const auto output_size = a.params[1].sym_size(1);
  const auto hidden_size = a.params[0].sym_size(0) / num_gates(a.cell);
  std::array<InitialState, 2> result;
  for (size_t i = 0; i < states; ++i) {
    const auto& size = i == 0 ? output_size : hidden_size;
    if (a.hx.empty()) {
      const bool same = i == 1 && !projected;
      result[i].tensor = same ? result[0].tensor : zero_state(a.params[0], batch, size);
      continue;
    }
    const auto& given = a.hx[i];
    const char* argument = i == 0 ? "h_0" : "c_0";
    const int64_t dims = layout.unbatched ? 2 : 3;
    TORCH_CHECK_VALUE(given.dim() == dims,
                      a.name,
                      ": expected `",
                      argument,
                      "` to have ",
                      dims,
                      " dimensions, but got ",
                      given.dim());
    const auto state = layout.unbatched ? given.unsqueeze(1) : given;
    TORCH_CHECK_VALUE(
        state.sym_size(0) == layers && state.sym_size(1) == batch && state.sym_size(2) == size,
        a.name,
        ": expected `",
        argument,
        "` to have shape [num_layers * num_directions, batch, size] = [",
        layers,
        ", ",
        batch,
        ", ",
        size,
        "], but got [",
        state.sym_size(0),
        ", ",
        state.sym_size(1),
        ", ",
        state.sym_size(2),
        "]");
    result[i] = {state, /*given=*/true};
  }
  return result;
}

}  // namespace

StackResult run_stack(StackArguments a) {
  const auto layout = check_input(a);
  const int64_t per_layer = params_per_layer(a);
  const int64_t directions = a.bidirectional ? 2 : 1;

  auto layer_input = layout.to_kernel(a.input);
  const auto steps = layer_input.sym_size(0), batch = layer_input.sym_size(1);
  auto lengths = a.lengths;
  auto mask = a.mask;
  if (layout.unbatched && lengths.defined() && lengths.dim() == 0) {
    lengths = lengths.unsqueeze(0);
  }
  if (layout.unbatched && mask.defined() && mask.dim() > 0) {
    mask = mask.unsqueeze(a.batch_first ? 0 : 1);
  }
  check_lengths_and_mask({a.name}, lengths, mask, steps, batch, a.batch_first);
  // Lengths and masks may live anywhere: they go to the weights' device, as int64.
  const auto device = a.params[0].device();
  for (const auto& [argument, tensor] :
       {std::pair{"lengths", &lengths}, std::pair{"mask", &mask}}) {
    TORCH_CHECK_VALUE(!tensor->defined() || !tensor->is_meta() || device.is_meta(),
                      a.name,
                      ": expected `",
                      argument,
                      "` to hold values like params, but got a tensor on meta");
  }
  if (lengths.defined() && (lengths.device() != device || lengths.scalar_type() != at::kLong)) {
    lengths = lengths.to(device, at::kLong);
  }
  if (mask.defined()) {
    mask = a.batch_first ? mask.transpose(0, 1) : mask;
    mask = mask.device() == device ? mask : mask.to(device);
  }
  const bool projected = per_layer == (a.has_biases ? 5 : 3);
  const auto states = initial_states(a, layout, batch, projected);

  std::vector<at::Tensor> h_n, c_n;
  for (int64_t layer = 0; layer < a.num_layers; ++layer) {
    const auto direction = [&](int64_t i) {
      const int64_t index = layer * directions + i;
      const auto params = a.params.slice(index * per_layer, per_layer);
      return LayerArguments{a.cell,
                            layer_input,
                            states[0].of(index),
                            states[1].of(index),
                            params[0],
                            params[1],
                            a.has_biases ? params[2] : at::Tensor(),
                            a.has_biases ? params[3] : at::Tensor(),
                            projected ? params.back() : at::Tensor(),
                            lengths,
                            mask,
                            /*reverse=*/i == 1};
    };
    const auto y = a.bidirectional
                       ? call_bidirectional({direction(0), direction(1)}, /*save=*/false)
                       : call_layer(direction(0), /*save=*/false);
    h_n.push_back(y.h_n);
    c_n.push_back(y.c_n);
    layer_input = y.output;
    if (a.dropout > 0 && layer + 1 < a.num_layers) {
      layer_input = at::dropout(layer_input, a.dropout, a.train);
    }
  }

  // From [D, B, .] of each layer.
  const auto join = [&](const std::vector<at::Tensor>& finals) {
    const auto joined = finals.size() > 1 ? join_states(finals) : finals[0];
    return layout.unbatched ? joined.squeeze(1) : joined;
  };
  return {layout.from_kernel(layer_input),
          join(h_n),
          a.cell == CellKind::kLstm ? join(c_n) : at::Tensor()};
}

std::tuple<at::Tensor, at::Tensor> run_single_state_stack(CellKind cell,
                                                          const char* name,
                                                          const at::Tensor& input,
                                                          const std::optional<at::Tensor>& hx,
                                                          at::TensorList params,
                                                          bool has_biases,
                                                          int64_t num_layers,
                                                          double dropout,
                                                          bool train,
                                                          bool bidirectional,
                                                          bool batch_first,
                                                          const std::optional<at::Tensor>& lengths,
                                                          const std::optional<at::Tensor>& mask) {
  const auto y =
      run_stack({cell,
                 name,
                 input,
                 hx.has_value() ? std::vector<at::Tensor>{*hx} : std::vector<at::Tensor>{},
                 params,
                 has_biases,
                 num_layers,
                 dropout,
                 train,
                 bidirectional,
                 batch_first,
                 lengths.value_or(at::Tensor()),
                 mask.value_or(at::Tensor())});
  return {y.output, y.h_n};
}

}  // namespace masked_rnn
