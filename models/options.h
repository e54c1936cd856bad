// What a model is: the options that the command line, the C++ models and their exports share.
#pragma once

#include <cstdint>
#include <string>

namespace masked_rnn {

enum class Task { kClassify, kLabel };
enum class Cell { kRnnTanh, kRnnRelu, kLstm, kGru };
enum class InputKind {
  kEmbedding,  // token indices through a learned embedding
  kOneHot,     // token indices as one-hot vectors, straight into the recurrent layer
  kDense,      // feature vectors, such as the frames of a series
};
enum class Pooling { kLast, kMean, kMax };

// Sizes and kinds of one model. Every field is written to the run's `run.json`.
struct ModelOptions {
  Task task = Task::kClassify;
  Cell cell = Cell::kLstm;
  InputKind input = InputKind::kEmbedding;
  int64_t vocabulary_size = 0;  // tokens with <pad> <unk> <sos> <eos>; 0 if dense
  int64_t feature_size = 0;     // length of a dense feature vector; 0 if text
  int64_t num_labels = 0;
  int64_t embedding_dim = 100;
  int64_t character_embedding_dim = 32;
  int64_t character_hidden_size = 0;  // per direction; 0: words have no character features
  int64_t hidden_size = 128;
  int64_t proj_size = 0;  // LSTM only
  int64_t num_layers = 1;
  bool bidirectional = false;
  double dropout = 0.0;  // on the inputs of the layers, between them and before the softmax
  Pooling pooling = Pooling::kLast;  // classification only
};

// The names used on the command line and in files: "classify", "lstm", "embedding", "last", ...
// The inverse functions throw c10::Error that lists the names when `name` is none of them.
std::string name(Task task);
std::string name(Cell cell);
std::string name(InputKind input);
std::string name(Pooling pooling);
Task task_from_name(const std::string& name);
Cell cell_from_name(const std::string& name);
InputKind input_kind_from_name(const std::string& name);
Pooling pooling_from_name(const std::string& name);

// Throws c10::Error that names the first contradictory or impossible option.
void check(const ModelOptions& options);

}  // namespace masked_rnn
