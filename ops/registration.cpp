// See registration.h.
#include <ATen/core/dispatch/Dispatcher.h>
#include <c10/util/Exception.h>
#include <dlfcn.h>
#include <masked_rnn/ops/registration.h>

#include <filesystem>
#include <fstream>
#include <string>
#include <system_error>

namespace masked_rnn {
namespace {

// As the process's table of files has it: without symbolic links.
std::string this_file() {
  Dl_info info{};
  if (::dladdr(reinterpret_cast<const void*>(&this_file), &info) == 0) {
    return "this library";
  }
  std::error_code error;
  const auto path = std::filesystem::canonical(info.dli_fname, error);
  return error ? info.dli_fname : path.string();
}

// The path of another library of that name in this process.
std::string other_file() {
  const std::string own = this_file();
  std::ifstream maps("/proc/self/maps");
  for (std::string line; std::getline(maps, line);) {
    const auto path = line.find('/');
    if (path != std::string::npos && line.find("masked_rnn", path) != std::string::npos &&
        line.ends_with(".so") && line.find("_models") == std::string::npos &&
        line.substr(path) != own) {
      return line.substr(path);
    }
  }
  return "another copy of it";
}

bool registered_by_another() {
  if (!c10::Dispatcher::singleton().findSchema({"masked_rnn::lstm", ""})) {
    return false;
  }
  TORCH_WARN("masked_rnn: ",
             this_file(),
             " registers no operators, since ",
             other_file(),
             " has done so in this process. Load only one copy of the library: calls go to that "
             "one, whichever version it is.");
  return true;
}

}  // namespace

bool may_register() {
  // Asked before the first operator of this copy is registered, and remembered.
  static const bool others = registered_by_another();
  return !others;
}

}  // namespace masked_rnn
