// See scratch.h.
#include <ATen/ops/from_blob.h>
#include <c10/util/Exception.h>
#include <masked_rnn/csrc/scratch.h>
#include <sys/mman.h>

#include <bit>
#include <cstdlib>
#include <map>
#include <mutex>

namespace masked_rnn {
namespace {

constexpr size_t kAlignment = 64;
constexpr size_t kHugePage = size_t{1} << 21;

// Blocks that nobody uses hold at most so many bytes in all.
constexpr size_t kKeptBytes = size_t{1} << 28;

// A block may be so many times as large as what is asked for.
constexpr size_t kLargestRatio = 2;

class Pool {
 public:
  void* take(size_t bytes) {
    {
      const std::lock_guard lock(mutex_);
      const auto found = kept_.lower_bound(bytes);
      if (found != kept_.end() && found->first <= kLargestRatio * bytes) {
        void* block = found->second;
        kept_bytes_ -= found->first;
        kept_.erase(found);
        return block;
      }
    }
    const bool huge = bytes >= kHugePage;
    void* block = std::aligned_alloc(huge ? kHugePage : kAlignment, bytes);
    TORCH_CHECK_WITH(
        OutOfMemoryError, block != nullptr, "masked_rnn: no memory for ", bytes, " bytes");
    if (huge) {
      ::madvise(block, bytes, MADV_HUGEPAGE);
    }
    return block;
  }

  void give_back(void* block, size_t bytes) {
    const std::lock_guard lock(mutex_);
    kept_.emplace(bytes, block);
    kept_bytes_ += bytes;
    while (kept_bytes_ > kKeptBytes) {
      const auto largest = std::prev(kept_.end());
      std::free(largest->second);
      kept_bytes_ -= largest->first;
      kept_.erase(largest);
    }
  }

 private:
  std::mutex mutex_;
  std::multimap<size_t, void*> kept_;  // by size
  size_t kept_bytes_ = 0;
};

// Never destroyed: tensors may live until the process ends.
Pool& pool() {
  static Pool& the_pool = *new Pool;
  return the_pool;
}

// One of a few sizes, so that calls with other lengths find blocks: powers of two in eighths.
size_t rounded(size_t bytes) {
  if (bytes <= kAlignment) {
    return kAlignment;
  }
  const size_t step = std::max(kAlignment, std::bit_floor(bytes) / 8);
  return (bytes + step - 1) / step * step;
}

}  // namespace

at::Tensor scratch(std::initializer_list<int64_t> sizes, at::ScalarType dtype) {
  size_t bytes = c10::elementSize(dtype);
  for (const int64_t size : sizes) {
    TORCH_CHECK_WITH(OutOfMemoryError,
                     !__builtin_mul_overflow(bytes, static_cast<size_t>(size), &bytes) &&
                         bytes < (size_t{1} << 62),
                     "masked_rnn: no memory for so many elements");
  }
  bytes = rounded(bytes);
  void* block = pool().take(bytes);
  return at::from_blob(
      block,
      at::IntArrayRef(sizes.begin(), sizes.size()),
      [bytes](void* data) { pool().give_back(data, bytes); },
      at::TensorOptions().dtype(dtype));
}

}  // namespace masked_rnn
