// Standard streams by their descriptors: std::cout does not say why it failed.
#include "streams.h"

#include <fcntl.h>
#include <masked_rnn/models/error.h>
#include <signal.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <cstring>

namespace masked_rnn {
namespace {

constexpr size_t kEnoughToWrite = 1 << 16;
constexpr int kStatusOfSigpipe = 128 + SIGPIPE;

}  // namespace

void reserve_standard_streams() {
  for (const int descriptor : {STDIN_FILENO, STDOUT_FILENO, STDERR_FILENO}) {
    if (::fcntl(descriptor, F_GETFD) != -1) continue;
    // The lowest free number is this one. The other direction, so that its use is still an error.
    const int opened = ::open("/dev/null", descriptor == STDIN_FILENO ? O_WRONLY : O_RDONLY);
    if (opened != descriptor && opened >= 0) ::close(opened);
  }
}

bool stdout_is_terminal() {
  const char* kind = std::getenv("TERM");
  return ::isatty(STDOUT_FILENO) == 1 && kind != nullptr && std::strcmp(kind, "dumb") != 0;
}

Output::~Output() {
  try {
    flush();
  } catch (const DataError&) {  // flush() is there for those who want to know
  }
}

void Output::write(std::string_view text) {
  waiting_ += text;
  if (waiting_.size() >= kEnoughToWrite) flush();
}

void Output::flush() {
  std::string_view rest = waiting_;
  while (!rest.empty()) {
    const ssize_t written = ::write(STDOUT_FILENO, rest.data(), rest.size());
    if (written >= 0) {
      rest.remove_prefix(static_cast<size_t>(written));
    } else if (errno == EPIPE) {  // where SIGPIPE was ignored from the start
      std::_Exit(kStatusOfSigpipe);
    } else if (errno != EINTR) {
      const int error = errno;
      waiting_.clear();
      throw DataError(std::string("standard output: cannot be written: ") + std::strerror(error));
    }
  }
  waiting_.clear();
}

}  // namespace masked_rnn
