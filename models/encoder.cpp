// From a batch to the states of the recurrent layers at every step.
#include <ATen/ops/embedding.h>
#include <ATen/ops/ones.h>
#include <ATen/ops/zeros.h>
#include <masked_rnn/models/encoder.h>
#include <masked_rnn/models/nn/pooling.h>
#include <torch/nn/init.h>

#include <utility>

namespace masked_rnn {
namespace {

using torch::Tensor;

constexpr int64_t kByteValues = 256;

// Small at the start: a rare word's vector, hardly trained, then says little against its characters.
constexpr double kEmbeddingDeviation = 0.1;

torch::nn::Embedding small_embedding(int64_t num_embeddings, int64_t embedding_dim) {
  torch::nn::Embedding embedding(num_embeddings, embedding_dim);
  torch::nn::init::normal_(embedding->weight, 0.0, kEmbeddingDeviation);
  return embedding;
}

std::string shape(const Tensor& tensor) {
  return tensor.defined() ? c10::str(tensor.sizes()) : "an undefined tensor";
}

void check_dimensions(const Tensor& tensor,
                      const char* field,
                      int64_t dimensions,
                      const char* dims) {
  TORCH_CHECK(tensor.defined() && tensor.dim() == dimensions,
              "masked_rnn: expected `batch.",
              field,
              "` to be ",
              dims,
              ", but got ",
              shape(tensor));
}

// Also that the values lie in 0..size-1: an embedding would say so without naming the field.
void check_indices(const Tensor& tensor, const char* field, int64_t size) {
  TORCH_CHECK(tensor.scalar_type() == torch::kLong,
              "masked_rnn: expected `batch.",
              field,
              "` to be int64, but got ",
              tensor.scalar_type());
  if (tensor.numel() == 0) return;
  const auto [least, greatest] = tensor.aminmax();
  TORCH_CHECK(least.item<int64_t>() >= 0 && greatest.item<int64_t>() < size,
              "masked_rnn: expected `batch.",
              field,
              "` to be indices from 0 to ",
              size - 1,
              ", but got values from ",
              least.item<int64_t>(),
              " to ",
              greatest.item<int64_t>());
}

void check_steps(const Tensor& tensor, const char* field, const Tensor& lengths) {
  const int64_t T = tensor.size(0), B = tensor.size(1);
  TORCH_CHECK(lengths.size(0) == B,
              "masked_rnn: expected `batch.lengths` to have one entry per sequence of `batch.",
              field,
              "` (",
              B,
              "), but got ",
              lengths.size(0));
  const int64_t longest = lengths.numel() == 0 ? 0 : lengths.max().item<int64_t>();
  TORCH_CHECK(longest <= T,
              "masked_rnn: expected `batch.lengths` to be at most the steps of `batch.",
              field,
              "` (",
              T,
              "), but got ",
              longest);
}

RecurrentOptions character_options(const ModelOptions& options) {
  RecurrentOptions layers;
  layers.cell = options.cell;
  layers.input_size = options.character_embedding_dim;
  layers.hidden_size = options.character_hidden_size;
  layers.bidirectional = true;
  return layers;
}

int64_t input_size(const ModelOptions& options) {
  switch (options.input) {
    case InputKind::kOneHot:
      return options.vocabulary_size;
    case InputKind::kDense:
      return options.feature_size;
    case InputKind::kEmbedding:
      break;
  }
  return options.embedding_dim + 2 * options.character_hidden_size;
}

RecurrentOptions layer_options(const ModelOptions& options) {
  RecurrentOptions layers;
  layers.cell = options.cell;
  layers.input_size = input_size(options);
  layers.hidden_size = options.hidden_size;
  layers.proj_size = options.proj_size;
  layers.num_layers = options.num_layers;
  layers.bidirectional = options.bidirectional;
  layers.dropout = options.dropout;
  return layers;
}

// One-hot input reads one column of the first layer's weights at a step: held by columns, that is
// contiguous memory; by rows, every element would be a cache miss of its own.
void hold_by_columns(const torch::nn::Module& layers) {
  for (auto& parameter : layers.named_parameters()) {
    if (parameter.key().find("weight_ih_l0") != std::string::npos) {
      parameter.value().set_data(parameter.value().t().contiguous().t());
    }
  }
}

}  // namespace

EncoderImpl::EncoderImpl(const ModelOptions& options) : options_(options) {
  if (options.input == InputKind::kEmbedding) {
    embedding_ = register_module("embedding",
                                 small_embedding(options.vocabulary_size, options.embedding_dim));
    if (options.character_hidden_size > 0) {
      character_embedding_ = register_module(
          "character_embedding", small_embedding(kByteValues, options.character_embedding_dim));
      character_layers_ =
          register_module("character_layers", Recurrent(character_options(options)));
    }
  } else if (options.input == InputKind::kDense) {
    feature_mean_ = register_buffer("feature_mean", at::zeros({options.feature_size}));
    feature_scale_ = register_buffer("feature_scale", at::ones({options.feature_size}));
  }
  dropout_ = register_module("dropout", torch::nn::Dropout(options.dropout));
  layers_ = register_module("layers", Recurrent(layer_options(options)));
  if (options.input == InputKind::kOneHot) hold_by_columns(*layers_);
}

EncoderOutput EncoderImpl::forward(const Batch& batch) {
  check_dimensions(batch.lengths, "lengths", 1, "[B]");
  auto [output, h_n] = layers_->forward(embed(batch), batch.lengths);
  return {std::move(output), std::move(h_n)};
}

Tensor EncoderImpl::embed(const Batch& batch) {
  if (options_.input == InputKind::kDense) {
    check_dimensions(batch.features, "features", 3, "[T, B, I]");
    TORCH_CHECK(batch.features.size(2) == options_.feature_size,
                "masked_rnn: expected `batch.features` to have ",
                options_.feature_size,
                " features, but got ",
                batch.features.size(2));
    check_steps(batch.features, "features", batch.lengths);
    return dropout_->forward((batch.features - feature_mean_) * feature_scale_);
  }
  check_dimensions(batch.tokens, "tokens", 2, "[T, B]");
  check_steps(batch.tokens, "tokens", batch.lengths);
  check_indices(batch.tokens, "tokens", options_.vocabulary_size);
  if (options_.input == InputKind::kOneHot) return batch.tokens;  // never multiplied, never dropped
  Tensor vectors = embedding_->forward(batch.tokens);
  if (character_layers_) vectors = torch::cat({vectors, word_features(batch)}, 2);
  return dropout_->forward(vectors);
}

// What the character layers read in each distinct word, [U, 2*Hc], put where the word stands.
Tensor EncoderImpl::word_features(const Batch& batch) {
  check_dimensions(batch.characters, "characters", 2, "[C, U]");
  check_dimensions(batch.character_lengths, "character_lengths", 1, "[U]");
  check_steps(batch.characters, "characters", batch.character_lengths);
  check_indices(batch.characters, "characters", kByteValues);
  TORCH_CHECK(batch.words.defined() && batch.words.sizes() == batch.tokens.sizes(),
              "masked_rnn: expected `batch.words` to be ",
              batch.tokens.sizes(),
              ", as `batch.tokens`, but got ",
              shape(batch.words));
  check_indices(batch.words, "words", batch.characters.size(1));

  const Tensor bytes = character_embedding_->forward(batch.characters);
  const auto [output, h_n] = character_layers_->forward(bytes, batch.character_lengths);
  return at::embedding(final_state(h_n, character_layers_->num_directions()), batch.words);
}

void EncoderImpl::fit_features(const std::vector<Tensor>& series) {
  TORCH_CHECK(feature_mean_.defined(),
              "masked_rnn: expected a model of dense input to fit features, but got ",
              masked_rnn::name(options_.input));
  Tensor sum = at::zeros({options_.feature_size}, torch::kDouble);
  Tensor squares = at::zeros_like(sum);
  int64_t steps = 0;
  for (const Tensor& features : series) {
    TORCH_CHECK(features.dim() == 2 && features.size(1) == options_.feature_size,
                "masked_rnn: expected every series to be [T, ",
                options_.feature_size,
                "], but got ",
                features.sizes());
    sum += features.to(torch::kDouble).sum(0);
    steps += features.size(0);
  }
  if (steps == 0) return;
  const Tensor mean = sum / steps;
  for (const Tensor& features : series) {
    squares += (features.to(torch::kDouble) - mean).square().sum(0);
  }
  const Tensor deviation = (squares / steps).sqrt();
  // A feature that never varies is only centred.
  const Tensor scale =
      torch::where(deviation > 0, deviation.reciprocal(), at::ones_like(deviation));
  torch::NoGradGuard no_grad;
  feature_mean_.copy_(mean);
  feature_scale_.copy_(scale);
}

}  // namespace masked_rnn
