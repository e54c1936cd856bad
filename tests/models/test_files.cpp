// Files appear whole or not at all (files.h).
#include <gtest/gtest.h>
#include <masked_rnn/models/files.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <tests/support/errors.h>
#include <tests/support/folders.h>
#include <unistd.h>

#include <array>
#include <filesystem>

namespace {

using masked_rnn::is_temporary_of;
using masked_rnn::make_folder;
using masked_rnn::read_bytes;
using masked_rnn::write_atomically;
using masked_rnn::test::content_of;
using masked_rnn::test::data_error_of;
using masked_rnn::test::Folder;
using Names = std::set<std::string>;

// Files cannot grow beyond `bytes` while it lives, as on a disk that is nearly full.
class SmallDisk {
 public:
  explicit SmallDisk(rlim_t bytes) {
    ::getrlimit(RLIMIT_FSIZE, &before_);
    former_ = ::signal(SIGXFSZ, SIG_IGN);
    const rlimit limit{bytes, before_.rlim_max};
    ::setrlimit(RLIMIT_FSIZE, &limit);
  }
  ~SmallDisk() {
    ::setrlimit(RLIMIT_FSIZE, &before_);
    ::signal(SIGXFSZ, former_);
  }

 private:
  rlimit before_{};
  sighandler_t former_ = SIG_DFL;
};

TEST(WriteAtomically, ReplacesTheFile) {
  const Folder folder;
  write_atomically(folder / "a", "first");
  write_atomically(folder / "a", std::string(1 << 20, 'x'));
  EXPECT_EQ(content_of(folder / "a"), std::string(1 << 20, 'x'));
  EXPECT_EQ(folder.names(), Names{"a"});
}

TEST(WriteAtomically, KeepsTheOldFileUntilTheNewOneIsComplete) {
  const Folder folder;
  write_atomically(folder / "a", "old");
  write_atomically(folder / "a", [&](std::ostream& stream) {
    stream << "new" << std::flush;
    EXPECT_EQ(content_of(folder / "a"), "old");
  });
  EXPECT_EQ(content_of(folder / "a"), "new");
}

TEST(WriteAtomically, LeavesNothingWhenTheWriterThrows) {
  const Folder folder;
  write_atomically(folder / "a", "old");
  EXPECT_THROW(write_atomically(folder / "a",
                                [](std::ostream& stream) {
                                  stream << "half" << std::flush;
                                  throw std::runtime_error("no more");
                                }),
               std::runtime_error);
  EXPECT_EQ(content_of(folder / "a"), "old");
  EXPECT_EQ(folder.names(), Names{"a"});
}

TEST(WriteAtomically, LeavesNothingOnAFullDisk) {
  const Folder folder;
  write_atomically(folder / "a", "old");
  std::string message;
  {
    const SmallDisk disk(100'000);
    message = data_error_of([&] { write_atomically(folder / "a", std::string(200'000, 'x')); });
  }
  EXPECT_EQ(message, folder / "a" + ": cannot be written: File too large");
  EXPECT_EQ(content_of(folder / "a"), "old");
  EXPECT_EQ(folder.names(), Names{"a"});
}

TEST(WriteAtomically, SaysWhatIsWrongWithTheFolder) {
  const Folder folder;
  write_atomically(folder / "file", "");
  EXPECT_EQ(data_error_of([&] { write_atomically(folder / "none/a", "x"); }),
            folder / "none/a" + ": cannot be written: No such file or directory");
  EXPECT_EQ(data_error_of([&] { write_atomically(folder / "file/a", "x"); }),
            folder / "file/a" + ": cannot be written: Not a directory");
}

TEST(WriteAtomically, DoesNotReplacePipesAndDevices) {
  const Folder folder;
  ASSERT_EQ(::mkfifo((folder / "pipe").c_str(), 0600), 0);
  ASSERT_EQ(::symlink("pipe", (folder / "link").c_str()), 0);
  for (const auto* name : {"pipe", "link"}) {
    EXPECT_EQ(data_error_of([&] { write_atomically(folder / name, "x"); }),
              folder / name + ": cannot be written: Not a regular file");
    struct stat status {};
    ASSERT_EQ(::stat((folder / name).c_str(), &status), 0);
    EXPECT_TRUE(S_ISFIFO(status.st_mode));
  }
  EXPECT_EQ(folder.names(), (Names{"link", "pipe"}));
  std::array<int, 2> ends{};
  ASSERT_EQ(::pipe(ends.data()), 0);
  const std::string nameless = "/proc/self/fd/" + std::to_string(ends[1]);  // as /dev/stdout
  EXPECT_EQ(data_error_of([&] { write_atomically(nameless, "x"); }),
            nameless + ": cannot be written: Not a regular file");
  for (const int end : ends) ::close(end);
}

TEST(WriteAtomically, WritesBehindSymbolicLinks) {
  const Folder folder;
  ASSERT_TRUE(make_folder(folder / "there"));
  write_atomically(folder / "there/a", "old");
  ASSERT_EQ(::symlink("there/a", (folder / "relative").c_str()), 0);
  ASSERT_EQ(::symlink((folder / "relative").c_str(), (folder / "absolute").c_str()), 0);
  ASSERT_EQ(::symlink("there/new", (folder / "dangling").c_str()), 0);
  write_atomically(folder / "absolute", "x");
  write_atomically(folder / "dangling", "y");
  EXPECT_EQ(content_of(folder / "there/a"), "x");
  EXPECT_EQ(content_of(folder / "there/new"), "y");
  for (const auto* name : {"relative", "absolute", "dangling"}) {
    EXPECT_TRUE(std::filesystem::is_symlink(folder / name)) << name;
  }
  EXPECT_EQ(folder.names(), (Names{"absolute", "dangling", "relative", "there"}));
}

TEST(WriteAtomically, SaysWhatIsWrongWithSymbolicLinks) {
  const Folder folder;
  ASSERT_EQ(::symlink("b", (folder / "a").c_str()), 0);
  ASSERT_EQ(::symlink("a", (folder / "b").c_str()), 0);
  ASSERT_EQ(::symlink("none/c", (folder / "c").c_str()), 0);
  EXPECT_EQ(data_error_of([&] { write_atomically(folder / "a", "x"); }),
            folder / "a" + ": cannot be written: Too many levels of symbolic links");
  EXPECT_EQ(data_error_of([&] { write_atomically(folder / "c", "x"); }),
            folder / "c" + ": cannot be written: No such file or directory");
  EXPECT_EQ(folder.names(), (Names{"a", "b", "c"}));
}

TEST(WriteAtomically, MakesFilesAsReadableAsOthers) {
  const Folder folder;
  const mode_t mask = ::umask(022);
  write_atomically(folder / "a", "x");
  ::umask(mask);
  struct stat status {};
  ASSERT_EQ(::stat((folder / "a").c_str(), &status), 0);
  EXPECT_EQ(status.st_mode & 0777, 0644U);
}

TEST(WriteAtomically, HasNamesForUnfinishedFiles) {
  const Folder folder;
  write_atomically(folder / "a", [&](std::ostream& stream) {
    stream << "half" << std::flush;
    ASSERT_EQ(folder.names().size(), 1U);
    EXPECT_TRUE(is_temporary_of("a", *folder.names().begin()));
    EXPECT_FALSE(is_temporary_of("ab", *folder.names().begin()));
  });
  for (const char* name : {"a", ".a", ".a.1234567", ".a.12345", "xa.123456", ".b.123456"}) {
    EXPECT_FALSE(is_temporary_of("a", name)) << name;
  }
}

TEST(ReadBytes, ReadsAllAndSaysWhyNot) {
  const Folder folder;
  std::string bytes(100'000, 'x');
  bytes[50'000] = '\0';
  write_atomically(folder / "a", bytes);
  EXPECT_EQ(read_bytes(folder / "a"), bytes);
  EXPECT_EQ(data_error_of([&] { read_bytes(folder / "none"); }),
            folder / "none" + ": cannot be read: No such file or directory");
  EXPECT_EQ(data_error_of([&] { read_bytes(folder.path()); }),
            folder.path() + ": cannot be read: Is a directory");
}

TEST(MakeFolder, SaysWhetherItWasThere) {
  const Folder folder;
  write_atomically(folder / "file", "");
  EXPECT_TRUE(make_folder(folder / "a/b"));
  EXPECT_FALSE(make_folder(folder / "a/b"));
  EXPECT_EQ(data_error_of([&] { make_folder(folder / "file/b"); }),
            folder / "file/b" + ": cannot be made: Not a directory");
  EXPECT_EQ(data_error_of([&] { make_folder(folder / "file"); }),
            folder / "file" + ": cannot be made: Not a directory");
}

}  // namespace
