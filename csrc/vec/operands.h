// What products multiply: numbers as they are or, in a file that defines MASKED_RNN_BFLOAT16_PRODUCTS,
// pairs of numbers rounded to bfloat16, each in the place of one float: two consecutive terms of a sum,
// which one instruction multiplies and adds in float32.
#pragma once

#include <masked_rnn/csrc/vec/arithmetic.h>
#include <masked_rnn/csrc/vec/kept.h>

namespace masked_rnn {
namespace {

#ifdef MASKED_RNN_BFLOAT16_PRODUCTS

constexpr int64_t kTerms = 2;  // that one operand holds

// sum + the products of the operands' terms.
template <class T>
MASKED_RNN_INLINE Vec<T> multiply_add(Vec<T> x, Vec<T> y, Vec<T> sum) {
  return _mm512_dpbf16_ps(sum, (__m512bh)x, (__m512bh)y);
}

// Of two rows of numbers, which are the operands' first and second terms. The second may be null, for
// zeros.
MASKED_RNN_INLINE Vec<float> operands_across(const float* first, const float* second) {
  const auto wide = [](const float* row) {
    return _mm512_cvtepu16_epi32((__m256i)_mm512_cvtneps_pbh(load(row)));
  };
  const __m512i low = wide(first);
  return (Vec<float>)(second == nullptr
                          ? low
                          : _mm512_or_si512(low, _mm512_slli_epi32(wide(second), 16)));
}

// The same of kCopied numbers of each row, to memory.
constexpr int kCopied = 8;
MASKED_RNN_INLINE void copy_operands_across(const float* first, const float* second, float* to) {
  const auto wide = [](const float* row) {
    return _mm256_cvtepu16_epi32((__m128i)_mm256_cvtneps_pbh(_mm256_loadu_ps(row)));
  };
  __m256i both = wide(first);
  if (second != nullptr) {
    both = _mm256_or_si256(both, _mm256_slli_epi32(wide(second), 16));
  }
  _mm256_storeu_si256(reinterpret_cast<__m256i_u*>(to), both);
}

// Of consecutive numbers of each of two rows, two to an operand: half of a vector of them from each.
MASKED_RNN_INLINE Vec<float> operands_along(const float* first, const float* second) {
  return (Vec<float>)_mm512_cvtne2ps_pbh(load(second), load(first));
}

// One operand, of two numbers.
inline float operand(const float* first, const float* second) {
  return ((__v4sf)_mm_cvtneps_pbh(_mm_setr_ps(*first, second == nullptr ? 0 : *second, 0, 0)))[0];
}

#else

constexpr int64_t kTerms = 1;

// Rounded once where there is an instruction for it, whatever the compiler is told to optimise.
template <class T>
MASKED_RNN_INLINE Vec<T> multiply_add(Vec<T> x, Vec<T> y, Vec<T> sum) {
#if MASKED_RNN_VECTOR_BYTES == 64
  if constexpr (sizeof(T) == 4) {
    return _mm512_fmadd_ps(x, y, sum);
  } else {
    return _mm512_fmadd_pd(x, y, sum);
  }
#elif MASKED_RNN_VECTOR_BYTES == 32
  if constexpr (sizeof(T) == 4) {
    return _mm256_fmadd_ps(x, y, sum);
  } else {
    return _mm256_fmadd_pd(x, y, sum);
  }
#else
  return sum + x * y;
#endif
}

template <class T>
MASKED_RNN_INLINE Vec<T> operands_across(const T* first, const T*) {
  return load(first);
}

template <class T>
MASKED_RNN_INLINE Vec<T> operands_along(const T* first, const T* second) {
  return load_halves(first, second);
}

template <class T>
inline T operand(const T* first, const T*) {
  return *first;
}

#endif

// What has been loaded for several multiply-adds is not loaded again for each of them. (With 16 registers
// multiply_add_registers sees to that.)
template <class V>
MASKED_RNN_INLINE void keep_in_register([[maybe_unused]] V& loaded) {
#if MASKED_RNN_VECTOR_BYTES == 64
  asm("" : "+v"(loaded));
#endif
}

// multiply_add for operands that several sums need, and that stay in registers. Where there are only 16 of
// these, the compiler would let each instruction read y from memory once more, and reading is what a core
// runs short of where another program shares it.
template <class T>
MASKED_RNN_INLINE Vec<T> multiply_add_registers(Vec<T> x, Vec<T> y, Vec<T> sum) {
#if MASKED_RNN_VECTOR_BYTES == 32
  if constexpr (sizeof(T) == 4) {
    asm("vfmadd231ps %2, %1, %0" : "+x"(sum) : "x"(x), "x"(y));
  } else {
    asm("vfmadd231pd %2, %1, %0" : "+x"(sum) : "x"(x), "x"(y));
  }
  return sum;
#else
  return multiply_add<T>(x, y, sum);
#endif
}

// From number n on of a row that may be null.
template <class T>
MASKED_RNN_INLINE const T* from_number(const T* row, int64_t n) {
  return row == nullptr ? nullptr : row + n;
}

// Operands that sums of so many terms need.
constexpr int64_t operands(int64_t terms) { return (terms + kTerms - 1) / kTerms; }

// Rows of `depth` numbers as the products read them: the rows themselves where an operand is a number,
// else copies in memory that the thread keeps.
template <class T>
class OperandRows {
 public:
  OperandRows(const T* const* rows, int64_t count, int64_t depth) : rows_(rows) {
    if constexpr (kTerms > 1) {
      copy(rows, count, depth);
    }
  }

  const T* const* data() const { return rows_; }

 private:
  void copy(const T* const* rows, int64_t count, int64_t depth) {
    thread_local Kept<T> kept_numbers;
    thread_local Kept<const T*> kept_pointers;
    // Not a power of two apart, which would put all rows into the same few places of a cache.
    const int64_t whole = depth / (kTerms * kLanes<T>), stride = (whole + 2) * kLanes<T>;
    T* numbers = kept_numbers.at_least(count * stride);
    const T** pointers = kept_pointers.at_least(count);
    for (int64_t r = 0; r < count; ++r) {
      T* to = numbers + r * stride;
      for (int64_t i = 0; i < whole; ++i) {
        const T* from = rows[r] + i * kTerms * kLanes<T>;
        store<T>(to + i * kLanes<T>, operands_along(from, from + kTerms * kLanes<T> / 2));
      }
      for (int64_t i = whole * kLanes<T>; i < operands(depth); ++i) {
        const T* first = rows[r] + i * kTerms;
        to[i] = operand(first, i * kTerms + 1 < depth ? first + 1 : nullptr);
      }
      pointers[r] = to;
    }
    rows_ = pointers;
  }

  const T* const* rows_;
};

}  // namespace
}  // namespace masked_rnn
