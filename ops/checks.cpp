// Every check of the operators' arguments; see checks.h.
#include <c10/core/SymInt.h>
#include <c10/util/Exception.h>
#include <masked_rnn/ops/checks.h>
#include <masked_rnn/ops/layer.h>

#include <array>
#include <sstream>
#include <tuple>

namespace masked_rnn {
namespace {

std::string sizes(c10::SymIntArrayRef sizes) {
  std::ostringstream text;
  text << "[";
  for (size_t i = 0; i < sizes.size(); ++i) {
    text << (i ? ", " : "") << sizes[i];
  }
  text << "]";
  return text.str();
}

void check_shape(const OperatorName& name,
                 const char* argument,
                 const char* meaning,
                 const at::Tensor& tensor,
                 c10::SymIntArrayRef expected) {
  bool equal = static_cast<size_t>(tensor.dim()) == expected.size();
  for (size_t i = 0; equal && i < expected.size(); ++i) {
    equal = tensor.sym_size(static_cast<int64_t>(i)) == expected[i];
  }
  TORCH_CHECK_VALUE(equal,
                    name,
                    ": expected `",
                    argument,
                    "` to have shape ",
                    meaning,
                    " = ",
                    sizes(expected),
                    ", but got ",
                    sizes(tensor.sym_sizes()));
}

constexpr const char* kBidirectional = "masked_rnn::bidirectional_layer";

bool is_kernel_dtype(at::ScalarType dtype) {
  return dtype == at::kFloat || dtype == at::kDouble || is_narrow(dtype);
}

OperatorName layer_operator(const LayerArguments& a, const char* end = "") {
  return {"masked_rnn::", layer_name(a.cell), end};
}

void check_present(const OperatorName& name, const char* argument, const at::Tensor& tensor) {
  TORCH_CHECK_VALUE(
      tensor.defined(), name, ": expected `", argument, "` to be a tensor, but got None");
}

}  // namespace

void check_presence(const LayerArguments& a) {
  const auto name = layer_operator(a);
  check_present(name, "input", a.input);
  check_present(name, "h_0", a.h_0);
  if (a.cell == CellKind::kLstm) {
    check_present(name, "c_0", a.c_0);
  }
  check_present(name, "weight_ih", a.weight_ih);
  check_present(name, "weight_hh", a.weight_hh);
}

void check_presence_backward(const LayerArguments& a,
                             const at::Tensor& output,
                             const at::Tensor& saved) {
  check_presence(a);
  const auto name = layer_operator(a, "_backward");
  check_present(name, "output", output);
  check_present(name, "saved", saved);
}

void check_lengths_and_mask(const OperatorName& name,
                            const at::Tensor& lengths,
                            const at::Tensor& mask,
                            const c10::SymInt& steps,
                            const c10::SymInt& batch,
                            bool batch_first) {
  TORCH_CHECK_VALUE(
      !lengths.defined() || !mask.defined(), name, ": expected `lengths` or `mask`, but got both");
  if (lengths.defined()) {
    TORCH_CHECK_TYPE(at::isIntegralType(lengths.scalar_type(), /*includeBool=*/false),
                     name,
                     ": expected `lengths` to have an integer dtype, but got ",
                     lengths.scalar_type());
    TORCH_CHECK_VALUE(lengths.dim() == 1,
                      name,
                      ": expected `lengths` to have 1 dimension, but got ",
                      lengths.dim());
    TORCH_CHECK_VALUE(lengths.sym_size(0) == batch,
                      name,
                      ": expected `lengths` to have one entry per sequence (batch_size=",
                      batch,
                      "), but got ",
                      lengths.sym_size(0));
  }
  if (mask.defined()) {
    TORCH_CHECK_TYPE(mask.scalar_type() == at::kBool,
                     name,
                     ": expected `mask` to have dtype Bool, but got ",
                     mask.scalar_type());
    if (batch_first) {
      check_shape(name, "mask", "[batch, steps]", mask, {batch, steps});
    } else {
      check_shape(name, "mask", "[steps, batch]", mask, {steps, batch});
    }
  }
}

void check_layer(const LayerArguments& a) {
  const auto name = layer_operator(a);
  struct Named {
    const char* name;
    const at::Tensor& tensor;
  };
  const std::array<Named, 7> floating{{{"h_0", a.h_0},
                                       {"c_0", a.c_0},
                                       {"weight_ih", a.weight_ih},
                                       {"weight_hh", a.weight_hh},
                                       {"bias_ih", a.bias_ih},
                                       {"bias_hh", a.bias_hh},
                                       {"weight_hr", a.weight_hr}}};
  const std::array<Named, 3> others{{{"input", a.input}, {"lengths", a.lengths}, {"mask", a.mask}}};

  check_presence(a);
  TORCH_CHECK_VALUE(a.bias_ih.defined() == a.bias_hh.defined(),
                    name,
                    ": expected both of `bias_ih` and `bias_hh` or neither, but got only ",
                    a.bias_ih.defined() ? "`bias_ih`" : "`bias_hh`");

  const auto check_layout = [&](const Named& argument) {
    TORCH_CHECK_VALUE(!argument.tensor.defined() || argument.tensor.layout() == at::kStrided,
                      name,
                      ": expected `",
                      argument.name,
                      "` to be dense, but got layout ",
                      argument.tensor.layout());
  };
  const auto device = a.weight_ih.device();
  const auto check_device = [&](const Named& argument) {
    TORCH_CHECK_VALUE(!argument.tensor.defined() || argument.tensor.device() == device,
                      name,
                      ": expected `",
                      argument.name,
                      "` to be on ",
                      device,
                      " like weight_ih, but got ",
                      argument.tensor.device());
  };
  for (const auto& argument : others) {
    check_layout(argument);
    check_device(argument);
  }
  for (const auto& argument : floating) {
    check_layout(argument);
    check_device(argument);
  }

  TORCH_CHECK_TYPE(is_kernel_dtype(a.weight_ih.scalar_type()),
                   name,
                   ": expected `weight_ih` to have dtype Float, Double, BFloat16 or Half, but got ",
                   a.weight_ih.scalar_type());
  const bool integer = at::isIntegralType(a.input.scalar_type(), /*includeBool=*/false);
  TORCH_CHECK_TYPE(integer || a.input.scalar_type() == a.weight_ih.scalar_type(),
                   name,
                   ": expected `input` to have dtype ",
                   a.weight_ih.scalar_type(),
                   " like weight_ih, or integers for one-hot vectors, but got ",
                   a.input.scalar_type());
  for (const auto& argument : floating) {
    TORCH_CHECK_TYPE(
        !argument.tensor.defined() || argument.tensor.scalar_type() == a.weight_ih.scalar_type(),
        name,
        ": expected `",
        argument.name,
        "` to have dtype ",
        a.weight_ih.scalar_type(),
        " like weight_ih, but got ",
        argument.tensor.scalar_type());
  }

  TORCH_CHECK_VALUE(
      a.input.dim() == (integer ? 2 : 3),
      name,
      ": expected `input` to have ",
      integer ? "2 dimensions [steps, batch]" : "3 dimensions [steps, batch, input_size]",
      ", but got ",
      sizes(a.input.sym_sizes()));
  TORCH_CHECK_VALUE(a.weight_ih.dim() == 2 && a.weight_ih.sym_size(0) % num_gates(a.cell) == 0 &&
                        a.weight_ih.sym_size(0) > 0,
                    name,
                    ": expected `weight_ih` to have shape [",
                    num_gates(a.cell),
                    " * hidden_size, input_size], but got ",
                    sizes(a.weight_ih.sym_sizes()));

  const auto T = a.input.sym_size(0), B = a.input.sym_size(1);
  const auto GH = a.weight_ih.sym_size(0);
  const auto H = GH / num_gates(a.cell);
  auto P = H;
  if (a.projected()) {
    TORCH_CHECK_VALUE(
        a.weight_hr.dim() == 2 && a.weight_hr.sym_size(1) == H && a.weight_hr.sym_size(0) < H &&
            a.weight_hr.sym_size(0) > 0,
        name,
        ": expected `weight_hr` to have shape [proj_size, hidden_size] with 0 < proj_size < "
        "hidden_size = ",
        H,
        ", but got ",
        sizes(a.weight_hr.sym_sizes()));
    P = a.weight_hr.sym_size(0);
  }
  if (!integer) {
    check_shape(
        name, "input", "[steps, batch, input_size]", a.input, {T, B, a.weight_ih.sym_size(1)});
  }
  check_shape(
      name,
      "weight_hh",
      a.projected() ? "[gates * hidden_size, proj_size]" : "[gates * hidden_size, hidden_size]",
      a.weight_hh,
      {GH, P});
  for (const auto& [argument, bias] : {Named{"bias_ih", a.bias_ih}, Named{"bias_hh", a.bias_hh}}) {
    if (bias.defined()) {
      check_shape(name, argument, "[gates * hidden_size]", bias, {GH});
    }
  }
  check_shape(
      name, "h_0", a.projected() ? "[batch, proj_size]" : "[batch, hidden_size]", a.h_0, {B, P});
  if (a.c_0.defined()) {
    check_shape(name, "c_0", "[batch, hidden_size]", a.c_0, {B, H});
  }
  check_lengths_and_mask(name, a.lengths, a.mask, T, B, /*batch_first=*/false);
}

void check_directions(const Directions& directions) {
  const auto& [forward, reverse] = directions;
  check_layer(forward);
  check_layer(reverse);
  for (const auto& [argument, one, other] :
       {std::tuple{"weight_ih", &forward.weight_ih, &reverse.weight_ih},
        std::tuple{"weight_hh", &forward.weight_hh, &reverse.weight_hh}}) {
    TORCH_CHECK_VALUE(one->sym_sizes() == other->sym_sizes(),
                      kBidirectional,
                      ": expected `",
                      argument,
                      "` to have the same shape in both directions, but got ",
                      sizes(one->sym_sizes()),
                      " and ",
                      sizes(other->sym_sizes()));
  }
}

namespace {

// Of one direction, or of both, which stand side by side or one after the other.
struct OfBackward {
  OperatorName name;
  const LayerArguments& a;
  int64_t directions = 1;

  void check(const char* argument,
             const char* meaning,
             const at::Tensor& tensor,
             at::ScalarType dtype,
             c10::SymIntArrayRef expected) const {
    TORCH_CHECK_VALUE(tensor.device() == a.weight_ih.device(),
                      name,
                      ": expected `",
                      argument,
                      "` to be on ",
                      a.weight_ih.device(),
                      " like weight_ih, but got ",
                      tensor.device());
    TORCH_CHECK_TYPE(tensor.scalar_type() == dtype,
                     name,
                     ": expected `",
                     argument,
                     "` to have dtype ",
                     dtype,
                     ", but got ",
                     tensor.scalar_type());
    check_shape(name, argument, meaning, tensor, expected);
  }

  void check_all(const at::Tensor& output,
                 const at::Tensor& saved,
                 const OutputGradients& grads) const {
    const auto dtype = a.weight_ih.scalar_type();
    const auto T = a.input.sym_size(0), B = a.input.sym_size(1), P = a.weight_hh.sym_size(1);
    const auto H = a.weight_ih.sym_size(0) / num_gates(a.cell);
    const bool one = directions == 1;
    const char* of_output = one ? "[steps, batch, output_size]" : "[steps, batch, 2 * output_size]";
    check("output", of_output, output, dtype, {T, B, P * directions});
    const auto size = H * saved_size(a.cell, 1);
    if (one) {
      check("saved", "[steps * batch, saved_size]", saved, saved_dtype(dtype), {T * B, size});
    } else {
      check("saved", "[2, steps * batch, saved_size]", saved, saved_dtype(dtype), {2, T * B, size});
    }
    if (grads.output.defined()) {
      check("grad_output", of_output, grads.output, dtype, {T, B, P * directions});
    }
    if (grads.h_n.defined()) {
      const char* of_h_n = one ? "[1, batch, output_size]" : "[2, batch, output_size]";
      check("grad_h_n", of_h_n, grads.h_n, dtype, {directions, B, P});
    }
    if (grads.c_n.defined()) {
      const char* of_c_n = one ? "[1, batch, hidden_size]" : "[2, batch, hidden_size]";
      check("grad_c_n", of_c_n, grads.c_n, dtype, {directions, B, H});
    }
  }

  void check_wanted(const WantedMask& wanted) const {
    TORCH_CHECK_VALUE(!wanted[kInput] || a.input.is_floating_point(),
                      name,
                      ": expected `output_mask` not to ask for the gradient of one-hot indices");
    for (const auto& [place, argument, tensor] :
         {std::tuple{kC0, "c_0", &a.c_0},
          std::tuple{kBiasIh, "bias_ih", &a.bias_ih},
          std::tuple{kBiasHh, "bias_hh", &a.bias_hh},
          std::tuple{kWeightHr, "weight_hr", &a.weight_hr}}) {
      TORCH_CHECK_VALUE(!wanted[place] || tensor->defined(),
                        name,
                        ": expected `output_mask` not to ask for the gradient of `",
                        argument,
                        "`, which is None");
    }
  }
};

}  // namespace

void check_layer_backward(const LayerArguments& a,
                          const at::Tensor& output,
                          const at::Tensor& saved,
                          const OutputGradients& grads,
                          const WantedMask& wanted) {
  check_layer(a);
  check_presence_backward(a, output, saved);
  const OfBackward backward{layer_operator(a, "_backward"), a};
  backward.check_all(output, saved, grads);
  backward.check_wanted(wanted);
}

void check_directions_backward(const Directions& directions,
                               const at::Tensor& output,
                               const at::Tensor& saved,
                               const OutputGradients& grads,
                               const BidirectionalMask& wanted) {
  check_directions(directions);
  const OperatorName name{kBidirectional, "_backward"};
  check_present(name, "output", output);
  check_present(name, "saved", saved);
  OfBackward{name, directions[0], 2}.check_all(output, saved, grads);
  for (size_t i = 0; i < directions.size(); ++i) {
    OfBackward{name, directions[i], 2}.check_wanted(wanted[i]);
  }
}

}  // namespace masked_rnn
