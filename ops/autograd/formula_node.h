// A node of the autograd graph that computes gradients by a formula from saved tensors, as the nodes do
// that PyTorch generates for its own operators. (What it has for others, torch::autograd::Function, adds
// several microseconds to each call, refuses the transforms of torch.func, hides which gradients are
// asked for, and not all that it can do is known to compiled autograd.)
#pragma once

#include <torch/csrc/autograd/function.h>
#include <torch/csrc/autograd/saved_variable.h>

#include <string>
#include <vector>

namespace masked_rnn {

// Which of up to 64 gradients are asked for, one bit each, the first one lowest.
class NeedsInputGrad {
 public:
  NeedsInputGrad() = default;
  explicit NeedsInputGrad(int64_t bits) : bits_(bits) {}
  void add(size_t place) { bits_ |= int64_t{1} << place; }
  bool operator[](size_t place) const { return (bits_ >> place & 1) != 0; }
  int64_t bits() const { return bits_; }

 private:
  int64_t bits_ = 0;
};

struct Formula {
  // As grad_fn shows it; no two formulas share one.
  const char* name;

  // The gradients for each of the node's edges, undefined where they are 0 or not asked for. `grads` are
  // those of its outputs, undefined for zeros; `saved` and `constant` what it was made with.
  torch::autograd::variable_list (*gradients)(const torch::autograd::variable_list& grads,
                                              const torch::autograd::variable_list& saved,
                                              int64_t constant,
                                              NeedsInputGrad needs_input_grad);

  // Whether it calls operators only. One that differentiates calls the engine, which PyTorch refuses while
  // compiled autograd, and with it Python, has called the formula.
  bool only_operators;
};

class FormulaNode final : public torch::autograd::Node {
 public:
  // The formula must live as long as the process.
  FormulaNode(const Formula& formula,
              torch::autograd::edge_list edges,
              int64_t constant,
              size_t num_saved);

  // Adds to `saved`, in the order of calls. May be undefined.
  void save_input(const at::Tensor& tensor) { saved_.emplace_back(tensor, /*is_output=*/false); }
  // After it has become an output of the node.
  void save_output(const at::Tensor& tensor) { saved_.emplace_back(tensor, /*is_output=*/true); }

  std::string name() const override { return formula_.name; }
  void release_variables() override;
  void compiled_args(torch::dynamo::autograd::CompiledNodeArgs& args) const override;
  torch::autograd::variable_list apply_with_saved(
      const torch::autograd::variable_list& grads,
      torch::dynamo::autograd::SwapSavedVariables& swap) override;

 protected:
  torch::autograd::variable_list apply(torch::autograd::variable_list&& grads) override;

 private:
  torch::autograd::variable_list unpacked();
  NeedsInputGrad needs_input_grad() const;

  const Formula& formula_;
  int64_t constant_;
  std::vector<torch::autograd::SavedVariable> saved_;
};

}  // namespace masked_rnn
