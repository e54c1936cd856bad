// Writing through a temporary file in the same folder, and reading, with the system's own words for
// what went wrong.
#include <fcntl.h>
#include <masked_rnn/models/error.h>
#include <masked_rnn/models/files.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstring>
#include <filesystem>
#include <streambuf>
#include <system_error>

namespace masked_rnn {
namespace {

namespace fs = std::filesystem;

[[noreturn]] void fail(const std::string& file, const char* what, int error) {
  throw DataError(file + ": " + what + ": " + std::strerror(error));
}

constexpr auto kCannotWrite = "cannot be written";
constexpr auto kCannotRead = "cannot be read";
constexpr std::string_view kUnique = ".XXXXXX";  // mkostemp replaces each X

// A descriptor behind a buffer; remembers the first error, which streams forget.
class DescriptorBuffer : public std::streambuf {
 public:
  explicit DescriptorBuffer(int descriptor) : descriptor_(descriptor) {
    setp(buffer_.data(), buffer_.data() + buffer_.size());
  }

  int error() const { return error_; }

  int sync() override {
    const char* from = pbase();
    while (error_ == 0 && from < pptr()) {
      const ssize_t written = ::write(descriptor_, from, static_cast<size_t>(pptr() - from));
      if (written >= 0) {
        from += written;
      } else if (errno != EINTR) {
        error_ = errno;
      }
    }
    setp(buffer_.data(), buffer_.data() + buffer_.size());
    return error_ == 0 ? 0 : -1;
  }

  int_type overflow(int_type character) override {
    if (sync() != 0) return traits_type::eof();
    if (!traits_type::eq_int_type(character, traits_type::eof())) {
      *pptr() = traits_type::to_char_type(character);
      pbump(1);
    }
    return traits_type::not_eof(character);
  }

 private:
  int descriptor_;
  int error_ = 0;
  std::array<char, 1 << 16> buffer_;
};

// What is to be written: the file, or what its symbolic links lead to, one after the other. It need not
// exist, but must not be a device or a pipe, which would be replaced, not written to.
fs::path target_of(const std::string& file) {
  constexpr int kMostLinks = 40;  // that Linux follows
  fs::path target = file;
  std::error_code error;
  if (fs::is_other(fs::status(target, error))) {
    throw DataError(file + ": " + kCannotWrite + ": Not a regular file");
  }
  for (int links = 0; fs::is_symlink(fs::symlink_status(target, error)); ++links) {
    if (links == kMostLinks) fail(file, kCannotWrite, ELOOP);
    target = target.parent_path() / fs::read_symlink(target, error);
    if (error) fail(file, kCannotWrite, error.value());
  }
  return target;
}

// The file beside the target that is to become it; removed unless it did. Errors name the file as it was
// given.
class TemporaryFile {
 public:
  explicit TemporaryFile(const std::string& file) : file_(file), target_(target_of(file)) {
    name_ = (folder() / ".").string();
    name_ += target_.filename().string();
    name_ += kUnique;
    descriptor_ = ::mkostemp(name_.data(), O_CLOEXEC);
    if (descriptor_ < 0) fail(file_, kCannotWrite, errno);
  }
  TemporaryFile(const TemporaryFile&) = delete;
  TemporaryFile& operator=(const TemporaryFile&) = delete;
  ~TemporaryFile() {
    if (descriptor_ >= 0) ::close(descriptor_);
    if (!name_.empty()) ::unlink(name_.c_str());
  }

  int descriptor() const { return descriptor_; }

  void become_target() {
    const mode_t mask = ::umask(0);  // mkostemp makes files that only their owner reads
    ::umask(mask);
    if (::fchmod(descriptor_, 0666 & ~mask) != 0 || ::fsync(descriptor_) != 0) {
      fail(file_, kCannotWrite, errno);
    }
    const int closed = ::close(descriptor_);
    descriptor_ = -1;
    if (closed != 0) fail(file_, kCannotWrite, errno);
    if (::rename(name_.c_str(), target_.c_str()) != 0) fail(file_, kCannotWrite, errno);
    name_.clear();
    sync_folder();
  }

 private:
  // The new name outlives a power cut only when its folder is on the disk too. Not every file system
  // can do that, and the file itself is complete: failures here are no error.
  void sync_folder() const {
    const int descriptor = ::open(folder().c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (descriptor < 0) return;
    ::fsync(descriptor);
    ::close(descriptor);
  }

  fs::path folder() const {
    return target_.has_parent_path() ? target_.parent_path() : fs::path(".");
  }

  const std::string file_;
  const fs::path target_;
  std::string name_;
  int descriptor_ = -1;
};

}  // namespace

void write_atomically(const std::string& file, const std::function<void(std::ostream&)>& write) {
  TemporaryFile temporary(file);
  DescriptorBuffer buffer(temporary.descriptor());
  std::ostream stream(&buffer);
  write(stream);
  stream.flush();
  if (buffer.error() != 0) fail(file, kCannotWrite, buffer.error());
  if (!stream) fail(file, kCannotWrite, EIO);
  temporary.become_target();
}

void write_atomically(const std::string& file, std::string_view content) {
  write_atomically(file, [&](std::ostream& stream) {
    stream.write(content.data(), static_cast<std::streamsize>(content.size()));
  });
}

bool is_temporary_of(std::string_view file, std::string_view name) {
  return name.size() == 1 + file.size() + kUnique.size() && name.front() == '.' &&
         name.substr(1, file.size()) == file && name[1 + file.size()] == kUnique.front();
}

std::string read_bytes(const std::string& file) {
  const int descriptor = ::open(file.c_str(), O_RDONLY | O_CLOEXEC);
  if (descriptor < 0) fail(file, kCannotRead, errno);
  std::string content;
  std::array<char, 1 << 16> buffer;
  ssize_t count = 0;
  int error = 0;
  while (error == 0 && (count = ::read(descriptor, buffer.data(), buffer.size())) != 0) {
    if (count > 0) {
      content.append(buffer.data(), static_cast<size_t>(count));
    } else if (errno != EINTR) {
      error = errno;
    }
  }
  ::close(descriptor);
  if (error != 0) fail(file, kCannotRead, error);
  return content;
}

bool make_folder(const std::string& folder) {
  std::error_code error;
  const bool made = fs::create_directories(folder, error);
  if (error) fail(folder, "cannot be made", error.value());
  return made;
}

}  // namespace masked_rnn
