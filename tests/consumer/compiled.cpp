// Runs what compiled.py made of a model: compiled MODEL CASES.pt prints "ok" if the results are those that
// the cases hold. MODEL.pt2 was compiled ahead of time, any other is TorchScript. The operators are there
// because the program is linked to them.
#include <torch/csrc/inductor/aoti_package/model_package_loader.h>
#include <torch/csrc/jit/serialization/pickle.h>
#include <torch/script.h>

#include <cstdio>
#include <exception>
#include <fstream>
#include <functional>
#include <iterator>
#include <memory>
#include <stdexcept>
#include <string>
#include <vector>

namespace {

std::vector<char> bytes_of(const std::string& file) {
  std::ifstream stream(file, std::ios::binary);
  if (!stream) throw std::runtime_error(file + ": cannot be read");
  return {std::istreambuf_iterator<char>(stream), {}};
}

using Tensors = std::vector<torch::Tensor>;

// The model as a function from input and lengths to its results.
std::function<Tensors(const Tensors&)> load(const std::string& file) {
  if (file.ends_with(".pt2")) {
    const auto model = std::make_shared<torch::inductor::AOTIModelPackageLoader>(file);
    return [model](const Tensors& arguments) { return model->run(arguments); };
  }
  torch::jit::Module model = torch::jit::load(file);
  return [model](const Tensors& arguments) mutable {
    const c10::IValue answer = model.forward({arguments.at(0), arguments.at(1)});
    Tensors results;
    for (const c10::IValue& result : answer.toTupleRef().elements()) {
      results.push_back(result.toTensor());
    }
    return results;
  };
}

void run(const std::string& file, const std::string& cases) {
  const c10::InferenceMode no_gradients;
  const auto model = load(file);
  const c10::IValue written = torch::jit::pickle_load(bytes_of(cases));
  for (const c10::IValue& item : written.toListRef()) {
    Tensors tensors;  // input, lengths, then the expected results
    for (const c10::IValue& tensor : item.toListRef()) tensors.push_back(tensor.toTensor());
    const auto results = model({tensors.at(0), tensors.at(1)});
    if (results.size() + 2 != tensors.size()) {
      throw std::runtime_error("expected as many results as in Python");
    }
    for (size_t i = 0; i < results.size(); ++i) {
      if (!results[i].allclose(tensors.at(2 + i), 1e-5, 1e-6)) {
        throw std::runtime_error("expected the results of Python, but result " + std::to_string(i) +
                                 " differs");
      }
    }
  }
  std::printf("ok\n");
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 3) {
    std::fprintf(stderr, "usage: compiled MODEL CASES.pt\n");
    return 2;
  }
  try {
    run(argv[1], argv[2]);
  } catch (const c10::Error& error) {
    std::fprintf(stderr, "compiled: %s\n", error.what_without_backtrace());
    return 1;
  } catch (const std::exception& error) {
    std::fprintf(stderr, "compiled: %s\n", error.what());
    return 1;
  }
}
