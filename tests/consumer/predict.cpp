// Loads a model that `masked-rnn export` wrote and prints what it says of sentences, given as
// arguments or one a line on standard input. predict.py prints the same in Python.
#include <torch/script.h>

#include <cstdio>
#include <exception>
#include <iostream>
#include <string>
#include <vector>

namespace {

// A classifier answers List[Tuple[str, float]]: for each sentence its label and the probability.
void print_classification(const c10::IValue& answer, const std::string& sentence) {
  const auto& elements = answer.toTupleRef().elements();
  std::printf("%s\t%.4f\t%s\n",
              elements[0].toStringRef().c_str(),
              elements[1].toDouble(),
              sentence.c_str());
}

// A tagger answers List[List[Tuple[str, str]]]: for each sentence its tokens and their labels.
void print_labelling(const c10::IValue& answer) {
  const char* separator = "";
  for (const c10::IValue& token : answer.toListRef()) {
    const auto& elements = token.toTupleRef().elements();
    std::printf(
        "%s%s/%s", separator, elements[0].toStringRef().c_str(), elements[1].toStringRef().c_str());
    separator = " ";
  }
  std::printf("\n");
}

void run(int argc, char** argv) {
  c10::InferenceMode no_gradients;
  torch::jit::Module model = torch::jit::load(argv[1]);
  model.eval();

  c10::List<std::string> sentences;
  for (int i = 2; i < argc; ++i) {
    sentences.push_back(argv[i]);
  }
  for (std::string line; argc == 2 && std::getline(std::cin, line);) {
    sentences.push_back(line);
  }
  const c10::IValue answers = model.forward({sentences});
  for (size_t i = 0; i < sentences.size(); ++i) {
    const c10::IValue& answer = answers.toListRef()[i];
    answer.isTuple() ? print_classification(answer, sentences.get(i)) : print_labelling(answer);
  }
}

}  // namespace

int main(int argc, char** argv) {
  if (argc < 2) {
    std::fprintf(stderr, "usage: predict MODEL.pt [SENTENCE...]\n");
    return 2;
  }
  try {
    run(argc, argv);
  } catch (const c10::Error& error) {
    std::fprintf(stderr, "predict: %s\n", error.what_without_backtrace());
    return 1;
  } catch (const std::exception& error) {
    std::fprintf(stderr, "predict: %s\n", error.what());
    return 1;
  }
}
