// See recycled.h.
#include <ATen/EmptyTensor.h>
#include <c10/core/Allocator.h>
#include <c10/util/Exception.h>
#include <masked_rnn/csrc/recycled.h>
#include <sys/mman.h>

#include <bit>
#include <cstdlib>
#include <map>
#include <mutex>
#include <unordered_map>

namespace masked_rnn {
namespace {

constexpr size_t kAlignment = 64;
constexpr size_t kHugePage = size_t{1} << 21;

// Blocks that nobody uses hold at most so many bytes in all.
constexpr size_t kKeptBytes = size_t{1} << 28;

// A block may be so many times as large as what is asked for.
constexpr size_t kLargestRatio = 2;

// One of a few sizes, so that calls with other lengths find blocks: powers of two in eighths.
size_t rounded(size_t bytes) {
  if (bytes <= kAlignment) {
    return kAlignment;
  }
  const size_t step = std::max(kAlignment, std::bit_floor(bytes) / 8);
  return (bytes + step - 1) / step * step;
}

class Pool final : public c10::Allocator {
 public:
  c10::DataPtr allocate(size_t bytes) override;
  c10::DeleterFnPtr raw_deleter() const override { return give_back; }
  void copy_data(void* to, const void* from, size_t bytes) const override {
    default_copy_data(to, from, bytes);
  }

 private:
  static void give_back(void* block);
  void keep(void* block);

  std::mutex mutex_;
  std::multimap<size_t, void*> kept_;  // by size; the last used of a size, still cached, last
  std::unordered_map<void*, size_t> in_use_;  // their sizes
  size_t kept_bytes_ = 0;
};

// Never destroyed: tensors may live until the process ends.
Pool& pool() {
  static Pool& the_pool = *new Pool;
  return the_pool;
}

c10::DataPtr Pool::allocate(size_t bytes) {
  TORCH_CHECK_WITH(
      OutOfMemoryError, bytes < (size_t{1} << 62), "masked_rnn: no memory for so many elements");
  bytes = rounded(bytes);
  const std::lock_guard lock(mutex_);
  void* block = nullptr;
  const auto smallest = kept_.lower_bound(bytes);
  if (smallest != kept_.end() && smallest->first <= kLargestRatio * bytes) {
    bytes = smallest->first;
    const auto found = std::prev(kept_.upper_bound(bytes));
    block = found->second;
    kept_bytes_ -= bytes;
    kept_.erase(found);
  } else {
    const bool huge = bytes >= kHugePage;
    block = std::aligned_alloc(huge ? kHugePage : kAlignment, bytes);
    TORCH_CHECK_WITH(
        OutOfMemoryError, block != nullptr, "masked_rnn: no memory for ", bytes, " bytes");
    if (huge) {
      ::madvise(block, bytes, MADV_HUGEPAGE);
    }
  }
  in_use_.emplace(block, bytes);
  return {block, block, give_back, c10::Device(c10::kCPU)};
}

void Pool::give_back(void* block) { pool().keep(block); }

void Pool::keep(void* block) {
  const std::lock_guard lock(mutex_);
  const auto used = in_use_.find(block);
  kept_.emplace(used->second, block);
  kept_bytes_ += used->second;
  in_use_.erase(used);
  while (kept_bytes_ > kKeptBytes) {
    const auto largest = std::prev(kept_.end());
    std::free(largest->second);
    kept_bytes_ -= largest->first;
    kept_.erase(largest);
  }
}

}  // namespace

at::Tensor recycled_empty(at::IntArrayRef sizes, at::ScalarType dtype) {
  return at::detail::empty_generic(
      sizes, &pool(), c10::DispatchKeySet(c10::DispatchKey::CPU), dtype, std::nullopt);
}

}  // namespace masked_rnn
