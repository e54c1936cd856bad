// Memory that a thread keeps from call to call. Not a std::vector: its functions, compiled for one
// instruction set, might be the ones that the linker keeps for everybody.
#pragma once

#include <cstdint>
#include <new>

namespace masked_rnn {
namespace {

template <class T>
class Kept {
 public:
  Kept() = default;
  Kept(const Kept&) = delete;
  Kept& operator=(const Kept&) = delete;
  ~Kept() { give_back(); }

  // Room for `count` elements, aligned to cache lines, which hold anything.
  T* at_least(int64_t count) {
    if (count > count_) {
      give_back();
      memory_ = static_cast<T*>(operator new(static_cast<size_t>(count) * sizeof(T), kAlignment));
      count_ = count;
    }
    return memory_;
  }

 private:
  static constexpr std::align_val_t kAlignment{64};

  void give_back() {
    operator delete(memory_, kAlignment);
    memory_ = nullptr;
    count_ = 0;
  }

  T* memory_ = nullptr;
  int64_t count_ = 0;
};

}  // namespace
}  // namespace masked_rnn
