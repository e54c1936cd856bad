// See formula_node.h.
#include <masked_rnn/ops/autograd/formula_node.h>
#include <torch/csrc/dynamo/compiled_autograd.h>

#include <mutex>
#include <set>
#include <utility>

namespace masked_rnn {
namespace {

using torch::autograd::variable_list;
using namespace torch::dynamo::autograd;

// What compiled autograd calls: the formula, of values that went through Python.
variable_list gradients_of_values(const Formula& formula,
                                  const variable_list& grads,
                                  const std::vector<c10::IValue>& values) {
  PackedArgs packed(values);
  variable_list saved;
  for (size_t i = 2; i < values.size(); ++i) {
    saved.push_back(packed.unpack<at::Tensor>());
  }
  const auto constant = packed.unpack<int64_t>();
  const NeedsInputGrad needs_input_grad(packed.unpack<int64_t>());
  return formula.gradients(grads, saved, constant, needs_input_grad);
}

// Compiled autograd learns each formula once in a process.
void make_known(const Formula& formula, size_t num_saved, PyObject* compiler) {
  static std::mutex mutex;
  static std::set<const Formula*> known;
  const std::lock_guard lock(mutex);
  if (known.count(&formula) != 0) {
    return;
  }
  std::vector<at::TypePtr> types(num_saved, IValuePacker<at::Tensor>::packed_type());
  types.insert(types.end(), 2, IValuePacker<int64_t>::packed_type());
  getPyCompilerInterface()->bind_function(
      compiler,
      formula.name,
      [&formula](const variable_list& grads, const std::vector<c10::IValue>& values) {
        return gradients_of_values(formula, grads, values);
      },
      std::move(types));
  known.insert(&formula);
}

}  // namespace

FormulaNode::FormulaNode(const Formula& formula,
                         torch::autograd::edge_list edges,
                         int64_t constant,
                         size_t num_saved)
    : Node(std::move(edges)), formula_(formula), constant_(constant) {
  saved_.reserve(num_saved);
}

variable_list FormulaNode::unpacked() {
  variable_list tensors;
  tensors.reserve(saved_.size());
  for (const auto& saved : saved_) {
    tensors.push_back(saved.unpack(getptr()));
  }
  return tensors;
}

NeedsInputGrad FormulaNode::needs_input_grad() const {
  NeedsInputGrad needs_input_grad;
  for (size_t i = 0; i < num_outputs(); ++i) {
    if (task_should_compute_output(i)) {
      needs_input_grad.add(i);
    }
  }
  return needs_input_grad;
}

variable_list FormulaNode::apply(variable_list&& grads) {
  const std::lock_guard lock(mutex_);
  return formula_.gradients(grads, unpacked(), constant_, needs_input_grad());
}

void FormulaNode::release_variables() {
  const std::lock_guard lock(mutex_);
  for (auto& saved : saved_) {
    saved.reset_data();
  }
}

void FormulaNode::compiled_args(CompiledNodeArgs& args) const {
  TORCH_CHECK_NOT_IMPLEMENTED(
      formula_.only_operators,
      formula_.name,
      ": expected compiled autograd to compute first derivatives only: call "
      "backward() without it where a gradient is differentiated again");
  args.collect(std::string(formula_.name));
  args.collect(constant_);
  args.collect(needs_input_grad().bits());
  args.collect(saved_, /*is_output=*/true);
}

variable_list FormulaNode::apply_with_saved(const variable_list& grads, SwapSavedVariables& swap) {
  swap.before(saved_);
  PackedArgs packed;
  for (const auto& tensor : unpacked()) {
    packed.pack(tensor);
  }
  packed.pack(constant_);
  packed.pack(needs_input_grad().bits());
  make_known(formula_, saved_.size(), swap.get_py_compiler());
  const auto metadata =
      IValuePacker<std::vector<std::optional<torch::autograd::InputMetadata>>>::pack(
          get_input_metadata(next_edges()));
  auto result = getPyCompilerInterface()->call_function(
      swap.get_py_compiler(), "apply_functional", formula_.name, grads, packed.vec(), metadata);
  swap.after(saved_);
  return result;
}

}  // namespace masked_rnn
