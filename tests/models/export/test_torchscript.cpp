// Exported programs say what the C++ models say.
#include <gtest/gtest.h>
#include <masked_rnn/models/error.h>
#include <masked_rnn/models/export/torchscript.h>
#include <tests/models/export/samples.h>
#include <tests/support/errors.h>
#include <tests/support/folders.h>
#include <torch/csrc/jit/serialization/import.h>

#include <filesystem>
#include <sstream>

namespace {

using namespace masked_rnn;
using namespace masked_rnn::test;
using torch::Tensor;

Classes classes_in(const c10::IValue& value) {
  Classes classes;
  for (const c10::IValue& pair : value.toListRef()) {
    const auto& elements = pair.toTupleRef().elements();
    classes.emplace_back(elements[0].toStringRef(), elements[1].toDouble());
  }
  return classes;
}

Tags tags_in(const c10::IValue& value) {
  Tags tags;
  for (const c10::IValue& sentence : value.toListRef()) {
    tags.emplace_back();
    for (const c10::IValue& step : sentence.toListRef()) {
      if (step.isString()) {
        tags.back().emplace_back("", step.toStringRef());
      } else {
        const auto& elements = step.toTupleRef().elements();
        tags.back().emplace_back(elements[0].toStringRef(), elements[1].toStringRef());
      }
    }
  }
  return tags;
}

void expect_equal(const Classes& actual, const Classes& expected) {
  ASSERT_EQ(actual.size(), expected.size());
  for (size_t i = 0; i < actual.size(); ++i) {
    EXPECT_EQ(actual[i].first, expected[i].first) << i;
    EXPECT_NEAR(actual[i].second, expected[i].second, 1e-6) << i;
  }
}

void expect_equal(const Tags& actual, const Tags& expected) { EXPECT_EQ(actual, expected); }

c10::IValue list_of(const std::vector<std::string>& sentences) {
  return c10::List<std::string>(sentences);
}
c10::IValue list_of(const std::vector<Tensor>& series) { return c10::List<Tensor>(series); }

// What saving and loading makes of it.
torch::jit::Module exported(const Sample& sample) {
  std::stringstream file;
  to_torchscript(*sample.model, sample.vocabulary_or_null(), sample.labels).save(file);
  return torch::jit::load(file);
}

template <typename Sequences>
void expect_same_answers(const Sample& sample, const Sequences& sequences) {
  torch::jit::Module program = exported(sample);
  for (int run = 0; run < 3; ++run) {  // the executor specialises the program after the first runs
    const c10::IValue answers = program.forward({list_of(sequences)});
    if (sample.options.task == Task::kClassify) {
      expect_equal(classes_in(answers), classify(sample, sequences));
    } else {
      expect_equal(tags_in(answers), tag(sample, sequences));
    }
  }
  EXPECT_EQ(program.forward({list_of(Sequences())}).toListRef().size(), 0U);
}

class EveryKind : public testing::TestWithParam<ModelOptions> {};

TEST_P(EveryKind, SaysWhatTheModelSays) {
  const Sample sample = make_sample(GetParam());
  if (sample.vocabulary) {
    expect_same_answers(sample, sample_sentences());
    expect_same_answers(sample, std::vector<std::string>{""});
  } else {
    expect_same_answers(sample, sample_series());
    expect_same_answers(sample, std::vector<Tensor>{at::zeros({0, 3})});
  }
}

INSTANTIATE_TEST_SUITE_P(Exported,
                         EveryKind,
                         testing::ValuesIn(sample_options()),
                         [](const auto& info) { return sample_name(info.param); });

class Exported : public testing::Test {
 protected:
  static ModelOptions find(Task task, InputKind input, int64_t characters = 0) {
    for (const ModelOptions& options : sample_options()) {
      if (options.task == task && options.input == input &&
          (options.character_hidden_size > 0) == (characters > 0)) {
        return options;
      }
    }
    return {};
  }

  const Sample tagger_ = make_sample(find(Task::kLabel, InputKind::kEmbedding, 1));
  const Sample dense_ = make_sample(find(Task::kClassify, InputKind::kDense));
};

TEST_F(Exported, ManySentencesAtOnceAreAnsweredInOrder) {
  std::vector<std::string> many;
  for (int i = 0; i < 15; ++i) {
    for (const std::string& sentence : sample_sentences()) many.push_back(sentence);
  }
  torch::jit::Module program = exported(tagger_);
  expect_equal(tags_in(program.forward({list_of(many)})), tag(tagger_, many));
}

TEST_F(Exported, TokenisedSentencesAreTakenAsTheyAre) {
  torch::jit::Module program = exported(tagger_);
  const c10::List<c10::List<std::string>> tokens(
      {c10::List<std::string>({"The", "film", "was", "n't", "bad", ",", "it", "'s", "great", "!"}),
       c10::List<std::string>(std::initializer_list<std::string>{})});
  const Tags tags = tags_in(program.get_method("tag")({tokens}));
  expect_equal({tags[0]}, tag(tagger_, {sample_sentences()[0]}));
  EXPECT_TRUE(tags[1].empty());
}

TEST_F(Exported, ParametersKeepTheirNamesAndNeedNoGradient) {
  const torch::jit::Module program = exported(tagger_);
  const auto expected = tagger_.model->named_parameters();
  size_t count = 0;
  for (const auto& parameter : program.named_parameters()) {
    ASSERT_NE(expected.find(parameter.name), nullptr) << parameter.name;
    EXPECT_TRUE(parameter.value.equal(expected[parameter.name])) << parameter.name;
    EXPECT_FALSE(parameter.value.requires_grad()) << parameter.name;
    ++count;
  }
  EXPECT_EQ(count, expected.size());
}

TEST_F(Exported, LaterTrainingDoesNotReachTheProgram) {
  Sample sample = make_sample(tagger_.options);
  torch::jit::Module program =
      to_torchscript(*sample.model, sample.vocabulary_or_null(), sample.labels);
  torch::NoGradGuard no_grad;
  for (Tensor& parameter : sample.model->parameters()) parameter.zero_();
  expect_equal(tags_in(program.forward({list_of(sample_sentences())})),
               tag(tagger_, sample_sentences()));
}

TEST_F(Exported, DoublePrecisionIsKept) {
  for (const Sample& original : {tagger_, dense_}) {
    Sample sample = make_sample(original.options);
    sample.model->to(torch::kDouble);
    if (sample.vocabulary) {
      expect_same_answers(sample, sample_sentences());
    } else {
      expect_same_answers(sample, sample_series());
    }
  }
}

TEST_F(Exported, SeriesOfAnotherWidthAreRefused) {
  torch::jit::Module program = exported(dense_);
  std::string message = "no error";
  try {
    program.forward({list_of(std::vector<Tensor>{at::zeros({2, 3}), at::zeros({2, 4})})});
  } catch (const std::exception& error) {
    message = error.what();
  }
  EXPECT_NE(message.find("masked_rnn: expected every series to be [T, 3], but got [2, 4]"),
            std::string::npos)
      << message;
}

TEST_F(Exported, VocabularyAndLabelsMustBeTheModels) {
  const LabelSet fewer = LabelSet::build({{"NOUN"}});
  EXPECT_EQ(
      message_of([&] { to_torchscript(*tagger_.model, tagger_.vocabulary_or_null(), fewer); }),
      "masked_rnn: expected the model's 3 labels, but got 1");
  const Vocabulary small = Vocabulary::build({{"a"}}, 1);
  EXPECT_EQ(message_of([&] { to_torchscript(*tagger_.model, &small, tagger_.labels); }),
            "masked_rnn: expected a vocabulary of the model's " +
                std::to_string(tagger_.options.vocabulary_size) + " tokens, but got 5");
  EXPECT_EQ(message_of([&] { to_torchscript(*dense_.model, &small, dense_.labels); }),
            "masked_rnn: expected a vocabulary of the model's 0 tokens, but got 5");
}

TEST_F(Exported, FileIsWrittenWhole) {
  const Folder folder;
  const std::string file = folder / "model.pt";
  export_torchscript(*tagger_.model, tagger_.vocabulary_or_null(), tagger_.labels, file);
  torch::jit::Module program = torch::jit::load(file);
  expect_equal(tags_in(program.forward({list_of(sample_sentences())})),
               tag(tagger_, sample_sentences()));
  EXPECT_EQ(folder.names(), std::set<std::string>{"model.pt"});
}

TEST_F(Exported, WhatCannotBeWrittenLeavesTheOldFile) {
  const Folder folder;
  const std::string file = folder / "model.pt";
  std::filesystem::create_directory(file);  // a folder is in the way
  EXPECT_THROW(export_torchscript(*dense_.model, dense_.vocabulary_or_null(), dense_.labels, file),
               DataError);
  EXPECT_EQ(folder.names(), std::set<std::string>{"model.pt"});
  EXPECT_TRUE(std::filesystem::is_directory(file));

  EXPECT_EQ(
      data_error_of([&] {
        export_torchscript(
            *dense_.model, dense_.vocabulary_or_null(), dense_.labels, folder / "absent/model.pt");
      }),
      folder / "absent/model.pt: cannot be written: No such file or directory");
}

}  // namespace
