// Names and checks of the model options.
#include <c10/util/Exception.h>
#include <masked_rnn/models/options.h>

#include <array>
#include <utility>

namespace masked_rnn {
namespace {

template <typename Kind, size_t count>
using Names = std::array<std::pair<Kind, const char*>, count>;

constexpr Names<Task, 2> kTasks{{{Task::kClassify, "classify"}, {Task::kLabel, "label"}}};
constexpr Names<Cell, 4> kCells{{{Cell::kLstm, "lstm"},
                                 {Cell::kGru, "gru"},
                                 {Cell::kRnnTanh, "rnn"},
                                 {Cell::kRnnRelu, "rnn_relu"}}};
constexpr Names<InputKind, 3> kInputs{{{InputKind::kEmbedding, "embedding"},
                                       {InputKind::kOneHot, "one_hot"},
                                       {InputKind::kDense, "dense"}}};
constexpr Names<Pooling, 3> kPoolings{
    {{Pooling::kLast, "last"}, {Pooling::kMean, "mean"}, {Pooling::kMax, "max"}}};

template <typename Kind, size_t count>
std::string name_in(const Names<Kind, count>& names, Kind kind) {
  for (const auto& [known, name] : names) {
    if (known == kind) return name;
  }
  TORCH_CHECK(false, "masked_rnn: no such option value: ", static_cast<int>(kind));
}

template <typename Kind, size_t count>
Kind kind_in(const Names<Kind, count>& names, const char* option, const std::string& name) {
  std::string all;
  for (const auto& [kind, known] : names) {
    if (name == known) return kind;
    all += (all.empty() ? "" : ", ") + std::string(known);
  }
  TORCH_CHECK(
      false, "masked_rnn: expected ", option, " to be one of ", all, ", but got `", name, "`");
}

void check_at_least(int64_t least, const char* option, int64_t value) {
  TORCH_CHECK(value >= least,
              "masked_rnn: expected ",
              option,
              " to be at least ",
              least,
              ", but got ",
              value);
}

void check_input(const ModelOptions& options) {
  if (options.input == InputKind::kDense) {
    check_at_least(1, "feature_size", options.feature_size);
    TORCH_CHECK(options.vocabulary_size == 0,
                "masked_rnn: expected vocabulary_size to be 0 with dense input, but got ",
                options.vocabulary_size);
  } else {
    constexpr int64_t kSpecialTokens = 4;  // <pad> <unk> <sos> <eos>
    check_at_least(kSpecialTokens, "vocabulary_size", options.vocabulary_size);
    TORCH_CHECK(options.feature_size == 0,
                "masked_rnn: expected feature_size to be 0 with text input, but got ",
                options.feature_size);
  }
  check_at_least(0, "character_hidden_size", options.character_hidden_size);
  if (options.input == InputKind::kEmbedding) {
    check_at_least(1, "embedding_dim", options.embedding_dim);
    if (options.character_hidden_size > 0) {
      check_at_least(1, "character_embedding_dim", options.character_embedding_dim);
    }
  } else {
    TORCH_CHECK(options.character_hidden_size == 0,
                "masked_rnn: expected character_hidden_size to be 0 with ",
                name(options.input),
                " input, but got ",
                options.character_hidden_size);
  }
}

}  // namespace

std::string name(Task task) { return name_in(kTasks, task); }
std::string name(Cell cell) { return name_in(kCells, cell); }
std::string name(InputKind input) { return name_in(kInputs, input); }
std::string name(Pooling pooling) { return name_in(kPoolings, pooling); }

Task task_from_name(const std::string& name) { return kind_in(kTasks, "task", name); }
Cell cell_from_name(const std::string& name) { return kind_in(kCells, "cell", name); }
InputKind input_kind_from_name(const std::string& name) { return kind_in(kInputs, "input", name); }
Pooling pooling_from_name(const std::string& name) { return kind_in(kPoolings, "pooling", name); }

void check(const ModelOptions& options) {
  check_input(options);
  check_at_least(1, "num_labels", options.num_labels);
  check_at_least(1, "hidden_size", options.hidden_size);
  check_at_least(1, "num_layers", options.num_layers);
  check_at_least(0, "proj_size", options.proj_size);
  if (options.proj_size > 0) {
    TORCH_CHECK(options.cell == Cell::kLstm,
                "masked_rnn: expected proj_size to be 0 with the cell ",
                name(options.cell),
                ", but got ",
                options.proj_size);
    TORCH_CHECK(options.proj_size < options.hidden_size,
                "masked_rnn: expected proj_size to be less than hidden_size (",
                options.hidden_size,
                "), but got ",
                options.proj_size);
  }
  TORCH_CHECK(options.dropout >= 0.0 && options.dropout < 1.0,
              "masked_rnn: expected dropout to be at least 0 and less than 1, but got ",
              options.dropout);
}

}  // namespace masked_rnn
