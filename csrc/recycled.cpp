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
#include <utility>

namespace masked_rnn {
namespace {

constexpr size_t kAlignment = 64;
constexpr size_t kHugePage = size_t{1} << 21;

// Blocks that nobody uses hold at most so many bytes in all.
constexpr size_t kUnusedBytes = size_t{1} << 28;

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

// Stands before each block. `bytes` are those of the block without it.
struct alignas(kAlignment) Header {
  size_t bytes;
  Header* next;         // of the same size, while it is kept
  uint64_t given_back;  // when, in blocks given back before
};

class Pool final : public c10::Allocator {
 public:
  c10::DataPtr allocate(size_t bytes) override;
  void copy_data(void* to, const void* from, size_t bytes) const override {
    default_copy_data(to, from, bytes);
  }

 private:
  static void give_back(void* header);
  Header* take(size_t bytes);
  void keep(Header* block);
  Header* take_oldest();

  std::mutex mutex_;
  // By size. The block that was used last comes first: some of it may still be in the caches.
  std::map<size_t, Header*> kept_;
  size_t kept_bytes_ = 0;
  uint64_t given_back_ = 0;
};

// Never destroyed: tensors may live until the process ends.
Pool& pool() {
  static Pool& the_pool = *new Pool;
  return the_pool;
}

// Null if there is none.
Header* Pool::take(size_t bytes) {
  const std::lock_guard lock(mutex_);
  for (auto size = kept_.lower_bound(bytes);
       size != kept_.end() && size->first <= kLargestRatio * bytes;
       ++size) {
    if (Header* block = size->second; block != nullptr) {
      size->second = block->next;
      kept_bytes_ -= block->bytes;
      return block;
    }
  }
  return nullptr;
}

c10::DataPtr Pool::allocate(size_t bytes) {
  TORCH_CHECK_WITH(
      OutOfMemoryError, bytes < (size_t{1} << 62), "masked_rnn: no memory for so many elements");
  bytes = rounded(bytes);
  Header* block = take(bytes);
  if (block == nullptr) {
    const bool huge = bytes >= kHugePage;
    const size_t all = bytes + sizeof(Header);
    // aligned_alloc, strictly, takes multiples of the alignment only.
    void* fresh = nullptr;
    TORCH_CHECK_WITH(OutOfMemoryError,
                     ::posix_memalign(&fresh, huge ? kHugePage : kAlignment, all) == 0,
                     "masked_rnn: no memory for ",
                     bytes,
                     " bytes");
    if (huge) {
      ::madvise(fresh, all, MADV_HUGEPAGE);
    }
    block = static_cast<Header*>(fresh);
    block->bytes = bytes;
  }
  return {block + 1, block, give_back, c10::Device(c10::kCPU)};
}

void Pool::give_back(void* header) { pool().keep(static_cast<Header*>(header)); }

// The one that has been unused for longest: sizes that come no more make room for those that do.
Header* Pool::take_oldest() {
  Header** oldest = nullptr;  // the pointer to it
  for (auto& [bytes, first] : kept_) {
    if (first == nullptr) {
      continue;
    }
    Header** last = &first;
    while ((*last)->next != nullptr) {
      last = &(*last)->next;
    }
    if (oldest == nullptr || (*last)->given_back < (*oldest)->given_back) {
      oldest = last;
    }
  }
  Header* block = std::exchange(*oldest, nullptr);
  kept_bytes_ -= block->bytes;
  return block;
}

void Pool::keep(Header* block) {
  const std::lock_guard lock(mutex_);
  Header*& first = kept_[block->bytes];
  block->next = first;
  block->given_back = given_back_++;
  first = block;
  kept_bytes_ += block->bytes;
  while (kept_bytes_ > kUnusedBytes) {
    std::free(take_oldest());
  }
}

}  // namespace

at::Tensor recycled_empty(at::IntArrayRef sizes, at::ScalarType dtype) {
  return at::detail::empty_generic(
      sizes, &pool(), c10::DispatchKeySet(c10::DispatchKey::CPU), dtype, std::nullopt);
}

at::Tensor recycled_copy(const at::Tensor& tensor, at::ScalarType dtype) {
  auto copy = recycled_empty(tensor.sizes(), dtype);
  copy.copy_(tensor);
  return copy;
}

c10::DataPtr recycled_block(size_t bytes) { return pool().allocate(bytes); }

}  // namespace masked_rnn
