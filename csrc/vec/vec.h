// One vector type for every instruction set: the compiler's vector extension, as wide as the level's
// registers. Nothing here knows what is computed with it.
#pragma once

#include <cstdint>
#include <cstring>
#include <utility>

#ifndef MASKED_RNN_VECTOR_BYTES
#error "the file that includes this says how wide a vector is"
#endif

// For functions between whose caller and body accumulators must stay in registers.
#define MASKED_RNN_INLINE inline __attribute__((always_inline))

namespace masked_rnn {
namespace {

template <class T>
struct Simd;
template <>
struct Simd<float> {
  typedef float Vec __attribute__((vector_size(MASKED_RNN_VECTOR_BYTES)));
  typedef int32_t IntVec __attribute__((vector_size(MASKED_RNN_VECTOR_BYTES)));
  typedef float Unaligned
      __attribute__((vector_size(MASKED_RNN_VECTOR_BYTES), aligned(4), may_alias));
  typedef float UnalignedHalf
      __attribute__((vector_size(MASKED_RNN_VECTOR_BYTES / 2), aligned(4), may_alias));
};
template <>
struct Simd<double> {
  typedef double Vec __attribute__((vector_size(MASKED_RNN_VECTOR_BYTES)));
  typedef int64_t IntVec __attribute__((vector_size(MASKED_RNN_VECTOR_BYTES)));
  typedef double Unaligned
      __attribute__((vector_size(MASKED_RNN_VECTOR_BYTES), aligned(8), may_alias));
  typedef double UnalignedHalf
      __attribute__((vector_size(MASKED_RNN_VECTOR_BYTES / 2), aligned(8), may_alias));
};

template <class T>
using Vec = typename Simd<T>::Vec;

template <class T>
constexpr int64_t kLanes = MASKED_RNN_VECTOR_BYTES / static_cast<int64_t>(sizeof(T));

template <class T>
inline Vec<T> load(const T* p) {
  return *reinterpret_cast<const typename Simd<T>::Unaligned*>(p);
}

template <class T>
inline void store(T* p, Vec<T> v) {
  *reinterpret_cast<typename Simd<T>::Unaligned*>(p) = v;
}

template <class T, int... Lane>
MASKED_RNN_INLINE Vec<T> load_halves(const T* low,
                                     const T* high,
                                     std::integer_sequence<int, Lane...>) {
  using Half = typename Simd<T>::UnalignedHalf;
  return __builtin_shufflevector(
      *reinterpret_cast<const Half*>(low), *reinterpret_cast<const Half*>(high), Lane...);
}

// Half of the lanes from each of two places.
template <class T>
MASKED_RNN_INLINE Vec<T> load_halves(const T* low, const T* high) {
  return load_halves(low, high, std::make_integer_sequence<int, kLanes<T>>());
}

// The first n < lanes elements; the others are 0 and are not touched in memory.
template <class T>
inline Vec<T> load(const T* p, int64_t n) {
  T filled[kLanes<T>] = {};
  std::memcpy(filled, p, static_cast<size_t>(n) * sizeof(T));
  return load(filled);
}

template <class T>
inline void store(T* p, Vec<T> v, int64_t n) {
  T filled[kLanes<T>];
  store(filled, v);
  std::memcpy(p, filled, static_cast<size_t>(n) * sizeof(T));
}

template <class T>
inline Vec<T> broadcast(T x) {
  return x - Vec<T>{};
}

// How many elements of a vector exist: all of them, or the first `count`.
template <class T>
struct Whole {
  Vec<T> load(const T* p) const { return masked_rnn::load(p); }
  void store(T* p, Vec<T> v) const { masked_rnn::store(p, v); }
};
template <class T>
struct Partial {
  int64_t count;
  Vec<T> load(const T* p) const { return masked_rnn::load(p, count); }
  void store(T* p, Vec<T> v) const { masked_rnn::store(p, v, count); }
};

}  // namespace
}  // namespace masked_rnn
