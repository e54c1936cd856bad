// Builds the TorchScript module of a trained model and saves it.
#include <masked_rnn/models/export/program.h>
#include <masked_rnn/models/export/torchscript.h>
#include <masked_rnn/models/files.h>
#include <torch/csrc/jit/frontend/resolver.h>

#include <memory>
#include <sstream>
#include <utility>
#include <vector>

namespace masked_rnn {
namespace {

namespace jit = torch::jit;

// Names that the program may use beside its own: torch and the operators of this library.
struct OperatorResolver : jit::Resolver {
  std::shared_ptr<jit::SugaredValue> resolveValue(const std::string& name,
                                                  jit::GraphFunction&,
                                                  const jit::SourceRange&) override {
    if (name == "torch") return std::make_shared<jit::BuiltinModule>("aten");
    if (name == "masked_rnn") return std::make_shared<jit::BuiltinModule>("masked_rnn");
    return nullptr;
  }
};

using CompilationUnit = std::shared_ptr<jit::CompilationUnit>;

// The same tree of modules with copies of the parameters and buffers, and no methods.
jit::Module mirror(const torch::nn::Module& module, const std::string& type, CompilationUnit unit) {
  jit::Module copy(c10::QualifiedName(type), unit, /*shouldMangle=*/true);
  copy.register_attribute("training", c10::BoolType::get(), false);
  for (const auto& item : module.named_parameters(/*recurse=*/false)) {
    copy.register_parameter(item.key(), item.value().detach().clone(), /*is_buffer=*/false);
  }
  for (const auto& item : module.named_buffers(/*recurse=*/false)) {
    copy.register_buffer(item.key(), item.value().detach().clone());
  }
  for (const auto& child : module.named_children()) {
    copy.register_module(child.key(), mirror(*child.value(), type + "." + child.key(), unit));
  }
  return copy;
}

void check_sizes(const ModelOptions& options,
                 const Vocabulary* vocabulary,
                 const LabelSet& labels) {
  const int64_t num_tokens = vocabulary ? static_cast<int64_t>(vocabulary->size()) : 0;
  TORCH_CHECK(num_tokens == options.vocabulary_size,
              "masked_rnn: expected a vocabulary of the model's ",
              options.vocabulary_size,
              " tokens, but got ",
              num_tokens);
  const auto num_labels = static_cast<int64_t>(labels.size());
  TORCH_CHECK(num_labels == options.num_labels,
              "masked_rnn: expected the model's ",
              options.num_labels,
              " labels, but got ",
              num_labels);
}

c10::IValue indices_of(const Vocabulary& vocabulary) {
  c10::Dict<std::string, int64_t> indices;
  for (const std::string& token : vocabulary.tokens()) {
    indices.insert(token, vocabulary.index(token));
  }
  return indices;
}

}  // namespace

jit::Module to_torchscript(const SequenceModel& model,
                           const Vocabulary* vocabulary,
                           const LabelSet& labels) {
  check_sizes(model.options(), vocabulary, labels);
  const std::string type = model.options().task == Task::kClassify
                               ? "__torch__.masked_rnn.SequenceClassifier"
                               : "__torch__.masked_rnn.SequenceLabeller";
  jit::Module module = mirror(model, type, std::make_shared<jit::CompilationUnit>());
  if (vocabulary) {
    module.register_attribute("vocabulary",
                              c10::DictType::create(c10::StringType::get(), c10::IntType::get()),
                              indices_of(*vocabulary));
  }
  module.register_attribute("labels",
                            c10::ListType::create(c10::StringType::get()),
                            c10::List<std::string>(labels.labels()));
  module.define(export_program(model), std::make_shared<OperatorResolver>());
  return module;
}

void export_torchscript(const SequenceModel& model,
                        const Vocabulary* vocabulary,
                        const LabelSet& labels,
                        const std::string& file) {
  // In memory first: on a full disk LibTorch's writer would throw an error of its own.
  std::ostringstream content;
  to_torchscript(model, vocabulary, labels).save(content);
  write_atomically(file, content.view());
}

}  // namespace masked_rnn
