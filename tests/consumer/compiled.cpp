// Runs a model that compiled.py compiled ahead of time: compiled MODEL.pt2 CASES.pt prints "ok" if its
// results are those that the cases hold. The operators are there because the program is linked to them.
#include <torch/csrc/inductor/aoti_package/model_package_loader.h>
#include <torch/csrc/jit/serialization/pickle.h>
#include <torch/types.h>

#include <cstdio>
#include <exception>
#include <fstream>
#include <iterator>
#include <stdexcept>
#include <string>
#include <vector>

namespace {

std::vector<char> bytes_of(const std::string& file) {
  std::ifstream stream(file, std::ios::binary);
  if (!stream) throw std::runtime_error(file + ": cannot be read");
  return {std::istreambuf_iterator<char>(stream), {}};
}

void run(const std::string& package, const std::string& cases) {
  torch::inductor::AOTIModelPackageLoader model(package);
  const c10::IValue written = torch::jit::pickle_load(bytes_of(cases));
  for (const c10::IValue& item : written.toListRef()) {
    std::vector<torch::Tensor> tensors;  // input, lengths, then the expected results
    for (const c10::IValue& tensor : item.toListRef()) tensors.push_back(tensor.toTensor());
    const auto results = model.run({tensors.at(0), tensors.at(1)});
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
    std::fprintf(stderr, "usage: compiled MODEL.pt2 CASES.pt\n");
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
