// See pool.h.
#include <c10/util/Exception.h>
#include <masked_rnn/csrc/pool.h>
#include <sys/mman.h>

#include <algorithm>
#include <bit>
#include <cstdlib>
#include <utility>

namespace masked_rnn {
namespace {

constexpr size_t kAlignment = 64;
constexpr size_t kHugePage = size_t{1} << 21;

// A block may be so many times as large as what is asked for.
constexpr size_t kLargestRatio = 2;

// No process has so much to address.
constexpr size_t kTooManyBytes = size_t{1} << 47;

// "Lately" is while so many blocks, to twice as many, were taken last: some hundred calls of a layer.
constexpr uint64_t kBlocksOfLately = 2000;

// One of a few sizes, so that calls with other lengths find blocks: powers of two in eighths.
size_t rounded(size_t bytes) {
  if (bytes <= kAlignment) {
    return kAlignment;
  }
  const size_t step = std::max(kAlignment, std::bit_floor(bytes) / 8);
  return (bytes + step - 1) / step * step;
}

void ask_for_huge_pages(void* memory, size_t bytes) {
  if (bytes > 0) {
    ::madvise(memory, bytes, MADV_HUGEPAGE);
  }
}

}  // namespace

// Stands before the memory itself.
struct alignas(kAlignment) Pool::Block {
  Kept* kept;           // where those of its size are
  Block* newer;         // while it is kept
  Block* older;         // while it is kept
  uint64_t given_back;  // when, in blocks given back before
  size_t huge;          // bytes from here on, for which huge pages have been asked for

  // Of a block of so many bytes, those of the huge pages that its first `used` ones fill at least by half.
  static size_t in_huge_pages(size_t bytes, size_t used) {
    const size_t pages = (sizeof(Block) + used + kHugePage / 2) / kHugePage;
    return bytes < kHugePage ? 0 : std::min(pages, (sizeof(Block) + bytes) / kHugePage) * kHugePage;
  }
};

void* Pool::data(Block* block) { return block + 1; }

size_t Pool::kept_bytes() const {
  const std::lock_guard lock(mutex_);
  return kept_bytes_;
}

// What may be kept now.
size_t Pool::bound() const {
  return std::clamp(std::max(most_now_, most_before_), free_bytes_, most_bytes_);
}

void Pool::count(size_t bytes) {
  used_bytes_ += bytes;
  if (++taken_ % kBlocksOfLately == 0) {
    most_before_ = std::exchange(most_now_, 0);
  }
  most_now_ = std::max(most_now_, used_bytes_);
}

void Pool::remove(Block* block) noexcept {
  Kept& kept = *block->kept;
  (block->newer == nullptr ? kept.first : block->newer->older) = block->older;
  (block->older == nullptr ? kept.last : block->older->newer) = block->newer;
  kept_bytes_ -= kept.bytes;
}

// Null if there is none.
Pool::Block* Pool::take_kept(size_t bytes) {
  for (auto size = kept_.lower_bound(bytes);
       size != kept_.end() && size->first <= kLargestRatio * bytes;
       ++size) {
    if (Block* block = size->second.first; block != nullptr) {
      remove(block);
      return block;
    }
  }
  return nullptr;
}

Pool::Block* Pool::fresh(size_t bytes, size_t used) {
  // aligned_alloc, strictly, takes multiples of the alignment only.
  void* memory = nullptr;
  TORCH_CHECK_WITH(
      OutOfMemoryError,
      ::posix_memalign(
          &memory, bytes < kHugePage ? kAlignment : kHugePage, sizeof(Block) + bytes) == 0,
      "masked_rnn: no memory for ",
      bytes,
      " bytes");
  // Before anything is written there.
  const size_t huge = Block::in_huge_pages(bytes, used);
  ask_for_huge_pages(memory, huge);
  auto* block = static_cast<Block*>(memory);
  block->huge = huge;
  return block;
}

Pool::Block* Pool::take(size_t bytes, size_t used) {
  TORCH_CHECK_WITH(
      OutOfMemoryError, bytes < kTooManyBytes, "masked_rnn: no memory for ", bytes, " bytes");
  bytes = rounded(bytes);
  const std::lock_guard lock(mutex_);
  Block* block = take_kept(bytes);
  if (block == nullptr) {
    // Made now, for giving back must not fail.
    Kept& kept = kept_[bytes];
    kept.bytes = bytes;
    block = fresh(bytes, used);
    block->kept = &kept;
  } else if (const size_t huge = Block::in_huge_pages(block->kept->bytes, used);
             huge > block->huge) {
    ask_for_huge_pages(block, huge);
    block->huge = huge;
  }
  count(block->kept->bytes);
  return block;
}

void Pool::give_back(Block* block) noexcept {
  const std::lock_guard lock(mutex_);
  Kept& kept = *block->kept;
  block->newer = nullptr;
  block->older = kept.first;
  block->given_back = given_back_++;
  (kept.first == nullptr ? kept.last : kept.first->newer) = block;
  kept.first = block;
  kept_bytes_ += kept.bytes;
  used_bytes_ -= kept.bytes;
  free_down_to(bound());
}

void Pool::free_down_to(size_t bytes) noexcept {
  while (kept_bytes_ > bytes) {
    Block* oldest = nullptr;
    for (const auto& [size, kept] : kept_) {
      if (kept.last != nullptr &&
          (oldest == nullptr || kept.last->given_back < oldest->given_back)) {
        oldest = kept.last;
      }
    }
    remove(oldest);
    if (const size_t size = oldest->kept->bytes; size >= kHugePage) {
      // free() alone may keep them for later; they begin with the block, which is aligned.
      ::madvise(oldest, size, MADV_DONTNEED);
    }
    std::free(oldest);
  }
}

void Pool::empty() noexcept {
  const std::lock_guard lock(mutex_);
  free_down_to(0);
}

}  // namespace masked_rnn
