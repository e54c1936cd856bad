// Blocks of memory that are kept, when nobody uses them any more, for whoever asks next.
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <mutex>

namespace masked_rnn {

// Any thread may take a block, and any other give it back. What is kept holds no more than was in use at
// once lately, save that `free_bytes` may always be kept, and `most_bytes` are the most that are. (A
// training step takes blocks of other sizes in its backward pass than in its forward pass, so that it
// finds all of them only where more is kept than it uses at once.) Beyond that, what has been unused for
// longest goes back to the system: sizes that come no more make room for those that do.
class Pool {
 public:
  struct Block;

  Pool(size_t free_bytes, size_t most_bytes) : free_bytes_(free_bytes), most_bytes_(most_bytes) {}
  Pool(const Pool&) = delete;
  Pool& operator=(const Pool&) = delete;
  // What is in use then is lost.
  ~Pool() { empty(); }

  // At least `bytes`, 64-byte aligned, not initialised: data(block). The first `used` of them are about to be
  // written: huge pages are asked for where these fill them at least by half. (The last one of a large block would
  // else hold two megabytes for a few numbers.) Throws c10::OutOfMemoryError.
  Block* take(size_t bytes, size_t used);
  Block* take(size_t bytes) { return take(bytes, bytes); }

  void give_back(Block* block) noexcept;

  // Gives to the system whatever nobody uses.
  void empty() noexcept;

  size_t kept_bytes() const;

  static void* data(Block* block);

 private:
  // Blocks of one size, the one given back last first: some of it may still be in the caches.
  struct Kept {
    size_t bytes = 0;  // of each
    Block* first = nullptr;
    Block* last = nullptr;
  };

  Block* take_kept(size_t bytes);
  static Block* fresh(size_t bytes, size_t used);
  void remove(Block* block) noexcept;
  void free_down_to(size_t bytes) noexcept;
  void count(size_t bytes);
  size_t bound() const;

  const size_t free_bytes_, most_bytes_;
  mutable std::mutex mutex_;
  std::map<size_t, Kept> kept_;  // by size
  size_t kept_bytes_ = 0;
  uint64_t given_back_ = 0;  // blocks so far
  // What is in use now, and the most at once while these blocks were taken, and those before.
  size_t used_bytes_ = 0;
  size_t most_now_ = 0;
  size_t most_before_ = 0;
  uint64_t taken_ = 0;
};

}  // namespace masked_rnn
