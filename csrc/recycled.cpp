// See recycled.h.
#include <ATen/EmptyTensor.h>
#include <c10/core/Allocator.h>
#include <c10/core/StorageImpl.h>
#include <c10/core/TensorImpl.h>
#include <masked_rnn/csrc/pool.h>
#include <masked_rnn/csrc/recycled.h>

#include <utility>

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
  c10::DataPtr allocate(size_t bytes) override { return allocate(bytes, bytes); }

  static c10::DataPtr allocate(size_t bytes, size_t used) {
    Pool::Block* block = pool().take(bytes, used);
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

// (As at::detail::empty_generic makes one, which has no way to say what will be used.)
at::Tensor recycled_empty(at::IntArrayRef sizes,
                          at::ScalarType dtype,
                          std::optional<int64_t> used) {
  const auto type = c10::scalarTypeToTypeMeta(dtype);
  const size_t bytes = at::detail::computeStorageNbytesContiguous(sizes, type.itemsize());
  const size_t used_bytes = used.has_value() ? static_cast<size_t>(*used) * type.itemsize() : bytes;
  auto storage = c10::make_intrusive<c10::StorageImpl>(c10::StorageImpl::use_byte_size_t(),
                                                       bytes,
                                                       Allocator::allocate(bytes, used_bytes),
                                                       &allocator(),
                                                       /*resizable=*/true);
  auto tensor = at::detail::make_tensor<c10::TensorImpl>(
      std::move(storage), c10::DispatchKeySet(c10::DispatchKey::CPU), type);
  tensor.unsafeGetTensorImpl()->set_sizes_contiguous(sizes);
  return tensor;
}

at::Tensor recycled_copy(const at::Tensor& tensor, at::ScalarType dtype) {
  auto copy = recycled_empty(tensor.sizes(), dtype);
  copy.copy_(tensor);
  return copy;
}

c10::DataPtr recycled_block(size_t bytes) { return allocator().allocate(bytes); }

void free_unused_blocks() { pool().empty(); }

}  // namespace masked_rnn
