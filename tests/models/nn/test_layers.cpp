// The layers of models/nn (RNN, LSTM, GRU) against torch::nn's, one property for all cells at a time.
#include <gtest/gtest.h>
#include <masked_rnn/models/nn/gru.h>
#include <masked_rnn/models/nn/lstm.h>
#include <masked_rnn/models/nn/rnn.h>
#include <tests/support/errors.h>
#include <torch/nn/modules/container/any.h>
#include <torch/serialize.h>

#include <sstream>
#include <vector>

namespace {

using masked_rnn::test::message_of;
using torch::Tensor;
using torch::nn::utils::rnn::PackedSequence;
using Tensors = std::vector<Tensor>;

struct Lstm {
  using Ours = masked_rnn::LSTM;
  using Theirs = torch::nn::LSTM;
  using Options = torch::nn::LSTMOptions;
  static constexpr const char* kName = "LSTM";
  static constexpr const char* kOperator = "lstm";
};
struct Gru {
  using Ours = masked_rnn::GRU;
  using Theirs = torch::nn::GRU;
  using Options = torch::nn::GRUOptions;
  static constexpr const char* kName = "GRU";
  static constexpr const char* kOperator = "gru";
};
struct Rnn {
  using Ours = masked_rnn::RNN;
  using Theirs = torch::nn::RNN;
  using Options = torch::nn::RNNOptions;
  static constexpr const char* kName = "RNN";
  static constexpr const char* kOperator = "rnn_tanh";
};

// Results as a list, whatever the cell: output, h_n and, for the LSTM, c_n.
template <typename Output>
auto flat(const std::tuple<Output, Tensor>& results, Tensors* states) {
  *states = {std::get<1>(results)};
  return std::get<0>(results);
}
template <typename Output>
auto flat(const std::tuple<Output, std::tuple<Tensor, Tensor>>& results, Tensors* states) {
  *states = {std::get<0>(std::get<1>(results)), std::get<1>(std::get<1>(results))};
  return std::get<0>(results);
}

// The hx argument of the layer: one tensor, or (h_0, c_0) for the LSTM.
template <typename Case>
auto hx_of(const Tensor& h_0) {
  if constexpr (std::is_same_v<Case, Lstm>) {
    return std::optional<std::tuple<Tensor, Tensor>>(std::make_tuple(h_0, h_0 * 0.5));
  } else {
    return h_0;
  }
}

template <typename Results>
Tensors list(const Results& results) {
  Tensors states;
  Tensors all{flat(results, &states)};
  all.insert(all.end(), states.begin(), states.end());
  return all;
}

void expect_close(const Tensors& actual, const Tensors& expected) {
  ASSERT_EQ(actual.size(), expected.size());
  for (size_t i = 0; i < actual.size(); ++i) {
    ASSERT_EQ(actual[i].sizes(), expected[i].sizes()) << "result " << i;
    EXPECT_TRUE(at::allclose(actual[i], expected[i], 1e-10, 1e-10)) << "result " << i;
  }
}

template <typename Case>
class Layer : public testing::Test {
 protected:
  static constexpr int64_t T = 7, B = 5, I = 3, H = 4;
  using Options = typename Case::Options;

  void SetUp() override { torch::manual_seed(1); }

  static Options options() { return Options(I, H).num_layers(2).bidirectional(true); }

  // The two layers with the same weights in float64.
  void make(const Options& options) {
    ours_ = typename Case::Ours(options);
    theirs_ = typename Case::Theirs(options);
    ours_->to(torch::kDouble);
    theirs_->to(torch::kDouble);
    torch::NoGradGuard no_grad;
    for (const auto& item : theirs_->named_parameters()) {
      ours_->named_parameters()[item.key()].copy_(item.value());
    }
  }

  static Tensor random(at::IntArrayRef shape) { return at::randn(shape, torch::kDouble); }
  static Tensor lengths() { return torch::tensor({3, 7, 1, 7, 4}); }

  typename Case::Ours ours_{nullptr};
  typename Case::Theirs theirs_{nullptr};
};

using Cells = testing::Types<Lstm, Gru, Rnn>;
struct CellNames {
  template <typename Case>
  static std::string GetName(int) {
    return Case::kName;
  }
};
TYPED_TEST_SUITE(Layer, Cells, CellNames);

TYPED_TEST(Layer, WithoutLengthsEqualsTorch) {
  for (const bool batch_first : {false, true}) {
    for (const bool bias : {false, true}) {
      this->make(this->options().batch_first(batch_first).bias(bias));
      const Tensor input = batch_first ? this->random({this->B, this->T, this->I})
                                       : this->random({this->T, this->B, this->I});
      const auto hx = hx_of<TypeParam>(this->random({4, this->B, this->H}));
      expect_close(list(this->ours_->forward(input)), list(this->theirs_->forward(input)));
      expect_close(list(this->ours_->forward(input, hx)), list(this->theirs_->forward(input, hx)));
    }
  }
}

TYPED_TEST(Layer, LengthsEqualTorchRowByRow) {
  this->make(this->options());
  const Tensor input = this->random({this->T, this->B, this->I});
  const Tensor h_0 = this->random({4, this->B, this->H});
  const Tensors results = list(this->ours_->forward(input, hx_of<TypeParam>(h_0), this->lengths()));
  for (int64_t b = 0; b < this->B; ++b) {
    const auto length = this->lengths()[b].template item<int64_t>();
    const Tensors row = list(this->theirs_->forward(input.slice(0, 0, length).slice(1, b, b + 1),
                                                    hx_of<TypeParam>(h_0.slice(1, b, b + 1))));
    Tensors ours;
    for (const Tensor& result : results) ours.push_back(result.slice(1, b, b + 1));
    EXPECT_EQ(ours[0].slice(0, length).count_nonzero().template item<int64_t>(), 0);
    ours[0] = ours[0].slice(0, 0, length);
    expect_close(ours, row);
  }
}

TYPED_TEST(Layer, MaskOfLengthsEqualsLengths) {
  this->make(this->options().batch_first(true));
  const Tensor input = this->random({this->B, this->T, this->I});
  const Tensor mask = at::arange(this->T).unsqueeze(0) < this->lengths().unsqueeze(1);
  expect_close(list(this->ours_->forward(input, {}, {}, mask)),
               list(this->ours_->forward(input, {}, this->lengths())));
}

TYPED_TEST(Layer, LengthsAndMaskTogetherAreRefused) {
  this->make(this->options());
  const Tensor input = this->random({this->T, this->B, this->I});
  const Tensor mask = at::ones({this->T, this->B}, torch::kBool);
  EXPECT_EQ(message_of([&] { this->ours_->forward(input, {}, this->lengths(), mask); }),
            std::string("masked_rnn::") + TypeParam::kOperator +
                ": expected `lengths` or `mask`, but got both");
}

TYPED_TEST(Layer, UnbatchedInputEqualsABatchOfOne) {
  this->make(this->options());
  const Tensor input = this->random({this->T, this->I});
  const Tensor h_0 = this->random({4, this->H});
  Tensors expected =
      list(this->theirs_->forward(input.unsqueeze(1), hx_of<TypeParam>(h_0.unsqueeze(1))));
  for (Tensor& result : expected) result = result.squeeze(1);
  expect_close(list(this->ours_->forward(input, hx_of<TypeParam>(h_0))), expected);
}

TYPED_TEST(Layer, IndicesAreOneHotVectors) {
  this->make(this->options());
  const Tensor indices = at::randint(this->I, {this->T, this->B}, torch::kLong);
  const Tensor vectors = at::one_hot(indices, this->I).to(torch::kDouble);
  expect_close(list(this->ours_->forward(indices, {}, this->lengths())),
               list(this->ours_->forward(vectors, {}, this->lengths())));
}

TYPED_TEST(Layer, PackedInputEqualsTorch) {
  this->make(this->options().batch_first(true));
  const Tensor input = this->random({this->T, this->B, this->I});
  const Tensor h_0 = this->random({4, this->B, this->H});
  const Tensor falling = std::get<0>(this->lengths().sort(0, /*descending=*/true));
  for (const bool sorted : {false, true}) {
    std::vector<Tensors> gradients;
    std::vector<Tensors> results;
    auto pass = [&](auto& layer) {
      const Tensor leaf = input.clone().requires_grad_();
      const Tensor state = h_0.clone().requires_grad_();
      const PackedSequence packed = torch::nn::utils::rnn::pack_padded_sequence(
          leaf, sorted ? falling : this->lengths(), /*batch_first=*/false, sorted);
      Tensors states;
      const PackedSequence output =
          flat(layer->forward_with_packed_input(packed, hx_of<TypeParam>(state)), &states);
      EXPECT_TRUE(output.batch_sizes().equal(packed.batch_sizes()));
      EXPECT_EQ(output.sorted_indices().defined(), !sorted);
      EXPECT_EQ(output.unsorted_indices().defined(), !sorted);
      Tensor loss = output.data().square().sum();
      for (const Tensor& last : states) loss = loss + last.square().sum();
      loss.backward();
      Tensors leaves = layer->parameters();
      gradients.push_back({leaf.grad(), state.grad()});
      for (const Tensor& parameter : leaves) gradients.back().push_back(parameter.grad());
      results.push_back(states);
      results.back().push_back(output.data());
      layer->zero_grad();
    };
    pass(this->ours_);
    pass(this->theirs_);
    expect_close(results[0], results[1]);
    expect_close(gradients[0], gradients[1]);
  }
}

TYPED_TEST(Layer, PackedIndicesAreOneHotVectors) {
  this->make(this->options());
  const Tensor indices = at::randint(this->I, {this->T, this->B}, torch::kLong);
  const Tensor vectors = at::one_hot(indices, this->I).to(torch::kDouble);
  auto pack = [&](const Tensor& input) {
    return torch::nn::utils::rnn::pack_padded_sequence(input, this->lengths(), false, false);
  };
  Tensors states, expected_states;
  const auto output = flat(this->ours_->forward_with_packed_input(pack(indices)), &states);
  const auto expected =
      flat(this->theirs_->forward_with_packed_input(pack(vectors)), &expected_states);
  expect_close({output.data()}, {expected.data()});
  expect_close(states, expected_states);
}

TYPED_TEST(Layer, AnyModuleFillsInDefaults) {
  this->make(this->options());
  const Tensor input = this->random({this->T, this->B, this->I});
  torch::nn::AnyModule any(this->ours_);
  using Results = decltype(this->ours_->forward(input));
  expect_close(list(any.forward<Results>(input)), list(this->theirs_->forward(input)));
}

TYPED_TEST(Layer, CloneIsIndependentAndKeepsItsType) {
  this->make(this->options());
  const Tensor input = this->random({this->T, this->B, this->I});
  const Tensors before = list(this->ours_->forward(input));
  const auto module = this->ours_->clone();
  auto copy = std::dynamic_pointer_cast<typename TypeParam::Ours::ContainedType>(module);
  ASSERT_NE(copy, nullptr);
  expect_close(list(copy->forward(input)), before);
  {
    torch::NoGradGuard no_grad;
    for (Tensor& parameter : copy->parameters()) parameter.zero_();
  }
  EXPECT_EQ(std::get<0>(copy->forward(input)).count_nonzero().template item<int64_t>(), 0);
  expect_close(list(this->ours_->forward(input)), before);
}

TYPED_TEST(Layer, PrintsItsNameAndOptions) {
  std::ostringstream ours, theirs;
  ours << typename TypeParam::Ours(this->options());
  theirs << typename TypeParam::Theirs(this->options());
  std::string expected = theirs.str();
  expected.replace(0, std::string("torch::nn").size(), "masked_rnn");
  EXPECT_EQ(ours.str(), expected);
  EXPECT_EQ(ours.str().rfind(std::string("masked_rnn::") + TypeParam::kName + "(", 0), 0U);
}

TYPED_TEST(Layer, ArchivesGoBothWays) {
  this->make(this->options());
  const Tensor input = this->random({this->T, this->B, this->I});
  typename TypeParam::Ours ours(this->options());
  typename TypeParam::Theirs theirs(this->options());
  ours->to(torch::kDouble);
  theirs->to(torch::kDouble);
  std::stringstream from_ours, from_theirs;
  torch::save(this->ours_, from_ours);
  torch::save(this->theirs_, from_theirs);
  torch::load(theirs, from_ours);
  torch::load(ours, from_theirs);
  expect_close(list(theirs->forward(input)), list(this->theirs_->forward(input)));
  expect_close(list(ours->forward(input)), list(this->theirs_->forward(input)));
}

TYPED_TEST(Layer, InitialWeightsAreTorchs) {
  torch::manual_seed(7);
  typename TypeParam::Ours ours(this->options());
  torch::manual_seed(7);
  typename TypeParam::Theirs theirs(this->options());
  const Tensors weights = ours->all_weights(), expected = theirs->all_weights();
  ASSERT_EQ(weights.size(), expected.size());
  for (size_t i = 0; i < weights.size(); ++i) EXPECT_TRUE(weights[i].equal(expected[i])) << i;
}

TYPED_TEST(Layer, ForwardUsesNewlyDrawnWeights) {
  this->make(this->options());
  const Tensor input = this->random({this->T, this->B, this->I});
  torch::manual_seed(3);
  this->ours_->reset_parameters();
  this->ours_->flatten_parameters();
  torch::manual_seed(3);
  this->theirs_->reset_parameters();
  expect_close(list(this->ours_->forward(input)), list(this->theirs_->forward(input)));
}

TYPED_TEST(Layer, DropoutBetweenLayersOnlyInTraining) {
  this->make(this->options().dropout(0.5));
  const Tensor input = this->random({this->T, this->B, this->I});
  const Tensor first = std::get<0>(this->ours_->forward(input));
  EXPECT_FALSE(first.equal(std::get<0>(this->ours_->forward(input))));
  this->ours_->eval();
  this->theirs_->eval();
  expect_close(list(this->ours_->forward(input)), list(this->theirs_->forward(input)));
}

TEST(LstmLayer, ProjectionEqualsTorch) {
  torch::manual_seed(1);
  const auto options = torch::nn::LSTMOptions(3, 5).proj_size(2).num_layers(2).bidirectional(true);
  torch::nn::LSTM theirs(options);
  masked_rnn::LSTM ours(options);
  std::stringstream archive;
  torch::save(theirs, archive);
  torch::load(ours, archive);
  ours->to(torch::kDouble);
  theirs->to(torch::kDouble);
  const Tensor input = at::randn({4, 3, 3}, torch::kDouble);
  expect_close(list(ours->forward(input)), list(theirs->forward(input)));
}

TEST(RnnLayer, ReluEqualsTorch) {
  torch::manual_seed(1);
  const auto options = torch::nn::RNNOptions(3, 5).nonlinearity(torch::kReLU);
  torch::nn::RNN theirs(options);
  masked_rnn::RNN ours(options);
  std::stringstream archive;
  torch::save(theirs, archive);
  torch::load(ours, archive);
  ours->to(torch::kDouble);
  theirs->to(torch::kDouble);
  const Tensor input = at::randn({4, 3, 3}, torch::kDouble);
  expect_close(list(ours->forward(input)), list(theirs->forward(input)));
}

}  // namespace
