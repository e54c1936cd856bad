// See recycled.h.
#include <ATen/EmptyTensor.h>
#include <c10/core/Allocator.h>
#include <masked_rnn/csrc/pool.h>
#include <masked_rnn/csrc/recycled.h>

namespace masked_rnn {
namespace {

// What may always be kept, and the most that is, were it only that somebody has let go of many results.
constexpr size_t kFreeBytes = size_t{1} << 28;
constexpr size_t kMostBytes = size_t{1} << 30;

// Never destroyed: tensors may live until the process ends.
Pool& pool() {
  static Pool& the_pool = *new Pool(kFreeBytes, kMostBytes);
  return the_pool;
}

class Allocator final : public c10::Allocator {
 public:
  c10::DataPtr allocate(size_t bytes) override {
    Pool::Block* block = pool().take(bytes);
    return {Pool::data(block), block, give_back, c10::Device(c10::kCPU)};
  }

  void copy_data(void* to, const void* from, size_t bytes) const override {
    default_copy_data(to, from, bytes);
  }

 private:
  static void give_back(void* block) { pool().give_back(static_cast<Pool::Block*>(block)); }
};

Allocator& allocator() {
  static Allocator& the_allocator = *new Allocator;
  return the_allocator;
}

}  // namespace

at::Tensor recycled_empty(at::IntArrayRef sizes, at::ScalarType dtype) {
  return at::detail::empty_generic(
      sizes, &allocator(), c10::DispatchKeySet(c10::DispatchKey::CPU), dtype, std::nullopt);
}

at::Tensor recycled_copy(const at::Tensor& tensor, at::ScalarType dtype) {
  auto copy = recycled_empty(tensor.sizes(), dtype);
  copy.copy_(tensor);
  return copy;
}

c10::DataPtr recycled_block(size_t bytes) { return allocator().allocate(bytes); }

void free_unused_blocks() { pool().empty(); }

}  // namespace masked_rnn
