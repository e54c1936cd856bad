// Models applied to data sets (inference.h).
#include <gtest/gtest.h>
#include <masked_rnn/models/inference.h>
#include <masked_rnn/models/text/batches.h>
#include <torch/utils.h>

namespace {

using namespace masked_rnn;

struct Problem {
  explicit Problem(Task task) {
    data.format = task == Task::kLabel ? Format::kConll : Format::kTsv;
    for (const int64_t length : {3, 1, 5, 2}) {
      Example example;
      for (int64_t i = 0; i < length; ++i) example.tokens.push_back("w" + std::to_string(i % 4));
      for (int64_t i = 0; i < (task == Task::kLabel ? length : 1); ++i) {
        example.labels.push_back((length + i) % 2 == 0 ? "even" : "odd");
      }
      data.examples.push_back(example);
    }
    torch::manual_seed(1);
    ModelOptions options;
    options.task = task;
    options.vocabulary_size = vocabulary.size();
    options.num_labels = labels.size();
    options.embedding_dim = options.hidden_size = 4;
    options.character_hidden_size = 3;
    options.dropout = 0.5;
    model = make_model(options);
  }

  // Scores of one sequence alone, [K] or [T, K].
  torch::Tensor logits_alone(int64_t example) {
    model->eval();
    torch::NoGradGuard no_grad;
    const Batch batch =
        make_batch(data, {example}, &vocabulary, labels, model->options().task, true);
    const torch::Tensor logits = model->forward(batch);
    model->train();
    return model->options().task == Task::kClassify ? logits[0] : logits.select(1, 0);
  }

  DataSet data;
  Vocabulary vocabulary = Vocabulary::build({{"w0", "w1", "w2", "w3"}}, 1);
  LabelSet labels = LabelSet::build({{"even", "odd"}});
  std::shared_ptr<SequenceModel> model;
};

TEST(Predict, GivesEachSequenceWhatItGetsAlone) {
  Problem problem(Task::kClassify);
  for (const int64_t batch_tokens : {1, 8, 1000}) {
    const auto predictions =
        *predict(*problem.model, problem.data, &problem.vocabulary, problem.labels, batch_tokens);
    for (int64_t i = 0; i < 4; ++i) {
      const torch::Tensor expected = problem.logits_alone(i).to(torch::kDouble).softmax(0);
      ASSERT_EQ(predictions[i].labels.size(), 1U);
      EXPECT_EQ(predictions[i].labels[0], expected.argmax().item<int64_t>());
      EXPECT_NEAR(predictions[i].probabilities[0], expected.max().item<double>(), 1e-6);
    }
  }
  EXPECT_TRUE(problem.model->is_training());
}

TEST(Predict, LabelsTheWordsBetweenSosAndEos) {
  Problem problem(Task::kLabel);
  const auto predictions =
      *predict(*problem.model, problem.data, &problem.vocabulary, problem.labels, 1000);
  for (int64_t i = 0; i < 4; ++i) {
    const torch::Tensor expected = problem.logits_alone(i).slice(0, 1, -1).softmax(1);
    ASSERT_EQ(predictions[i].labels.size(), problem.data.examples[i].tokens.size());
    for (int64_t t = 0; t < expected.size(0); ++t) {
      EXPECT_EQ(predictions[i].labels[t], expected[t].argmax().item<int64_t>());
      EXPECT_NEAR(predictions[i].probabilities[t], expected[t].max().item<double>(), 1e-6);
    }
  }
}

TEST(Evaluate, CountsUnknownLabelsAsWrongAndWithoutLoss) {
  Problem problem(Task::kLabel);
  const auto predictions =
      *predict(*problem.model, problem.data, &problem.vocabulary, problem.labels, 1000);
  for (size_t i = 0; i < 4; ++i) {
    for (size_t t = 0; t < predictions[i].labels.size(); ++t) {
      problem.data.examples[i].labels[t] = problem.labels.label(predictions[i].labels[t]);
    }
  }
  const Evaluation all =
      *evaluate(*problem.model, problem.data, &problem.vocabulary, problem.labels, 8);
  EXPECT_EQ(all.correct, 11);
  EXPECT_EQ(all.total, 11);
  EXPECT_EQ(all.num_tokens, 11 + 8);
  EXPECT_EQ(all.accuracy(), 1.0);
  problem.data.examples[2].labels[4] = "neither";
  const Evaluation one_unknown =
      *evaluate(*problem.model, problem.data, &problem.vocabulary, problem.labels, 8);
  EXPECT_EQ(one_unknown.correct, 10);
  EXPECT_EQ(one_unknown.total, 11);
  EXPECT_GT(one_unknown.loss, 0.0);
}

TEST(Evaluate, IsTheMeanOverAllTargetsHoweverTheyAreCut) {
  Problem problem(Task::kLabel);
  const auto loss_by = [&](int64_t batch_tokens) {
    return evaluate(*problem.model, problem.data, &problem.vocabulary, problem.labels, batch_tokens)
        ->loss;
  };
  EXPECT_NEAR(loss_by(1), loss_by(1000), 1e-6);
}

TEST(Evaluate, StopsWhenAsked) {
  Problem problem(Task::kClassify);
  EXPECT_FALSE(evaluate(*problem.model, problem.data, &problem.vocabulary, problem.labels, 1, [] {
                 return true;
               }).has_value());
}

}  // namespace
