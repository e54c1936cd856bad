// The kernels of one instruction set as a table of functions over plain memory. Each is compiled for
// the default, AVX2, AVX-512 and AMX levels; kernels() chooses at run time as ATen does.
#pragma once

#include <cstddef>
#include <cstdint>

namespace masked_rnn {

// Weights as the kernels read them: columns in blocks of column_block, each block [depth,
// column_block] contiguous, the last one filled up with zeros. Where the operands of products are pairs
// of bfloat16, a block is half as deep.
//
// gates > 1 puts the same hidden units of all gates into one block, gate after gate:
// [depth, gates, column_block / gates].
template <class T>
struct PackArguments {
  const T* weight;  // element (k, n) of the product's right side at k*stride_k + n*stride_n
  int64_t stride_k;
  int64_t stride_n;
  int64_t depth;        // K
  int64_t columns;      // N; with gates: hidden units of one gate
  int64_t gates;        // 1, or G with the gates' columns `columns` apart
  int64_t first, last;  // of `columns`, those to pack; `first` begins a block
  T* packed;            // [packed_size]
};

// A weight that is read at every step, back and forth, is partly still in the caches when the next step
// begins: that makes single sequences 15-25% faster where weight_hh is as large as the second-level
// cache.

// Rows that are read next and stand in no near cache.
template <class T>
struct NextRows {
  const T* const* rows = nullptr;  // [count] -> [size]
  int64_t count = 0, size = 0;
};

// c[r] (+)= a[r] * B for rows given by pointers. Every element is a sum of parts of k, each one chain of
// multiply-adds in the order of k, whatever the other rows are.
template <class T>
struct ProductArguments {
  int64_t rows;
  int64_t depth;           // K
  int64_t columns;         // N
  const T* const* a;       // [rows] -> [K]
  const T* packed;         // B, packed with gates = 1, or null
  const T* bias;           // [N] initial value, or null for 0; ignored if accumulate
  bool accumulate;         // add to what c holds
  T* const* c;             // [rows] -> [N]
  bool backwards = false;  // read B from its end to its beginning
  // Are the rows a, or c, or B in no near cache? They are fetched then.
  bool a_is_cold = false, c_is_cold = false, packed_is_cold = false;
  // Where `packed` is null: B itself, of which each block is packed when it is multiplied. For products
  // of so few rows that no block is multiplied twice, or of a single one where reads_rows.
  PackArguments<T> weight{};
  NextRows<T> next{};  // may be fetched meanwhile
};

// A product of by_batch that steps of a single row compute some rows at a time, each of which adds some
// operands. The sums are the same.
template <class T>
struct ProductAhead {
  // (First: with what is read of the product at every block they fill two cache lines.)
  int64_t done = 0;  // so many rows are complete, or more than there are when all of them are
  // Of those that come next, columns that are, and operands of the next block that are added up in `sums`.
  int64_t column = 0, k = 0;
  // At most ahead_depth deep, with a packed B and a bias, which is readable up to the end of the last block. It
  // does not accumulate, and nothing is fetched.
  ProductArguments<T> product;
  alignas(64) T sums[1024 / sizeof(T)] = {};
};

// One time step of consecutive sequences: recurrent product and cell in one pass.
template <class T>
struct StepArguments {
  int64_t rows;
  int64_t hidden;          // H
  int64_t first, last;     // the hidden units to compute; `first` begins a packed block
  int64_t depth;           // size of h_prev: H or P
  const T* const* h_prev;  // [rows] -> [depth]
  const T* packed;         // weight_hh, packed with gates = G, or null
  const T* bias_hn;        // [H] GRU: bias of W_hn h, or null
  const T* gates;          // [rows, G*H]: W_ih x + biases
  int64_t gates_stride;
  T* const* saved;        // [rows] -> [saved_size] out, or null
  bool save_past_caches;  // stream `saved`, all of whose parts are whole aligned vectors then
  T* c;                   // [rows, H] LSTM in and out
  int64_t c_stride;
  T* const* h;     // [rows] -> [H] out
  bool backwards;  // read `packed` from its end to its beginning
  // Are `packed`, or the rows of h, in no near cache? They are fetched then.
  bool packed_is_cold, h_is_cold;
  // Where `packed` is null: weight_hh itself, whose columns are contiguous (stride_k = 1), for a single row where
  // by_step.reads_rows.
  PackArguments<T> weight;
  ProductAhead<T>* ahead;  // of which a step of a single row computes some, or null
};

// The cell's derivative at one time step, from the gradient of h to that of the pre-activations.
template <class T>
struct StepBackwardArguments {
  int64_t rows;
  int64_t hidden;               // H
  int64_t first, last;          // the hidden units to compute
  const T* const* grad_output;  // [rows] -> [H] a part of the gradient of h_t, or null
  T* grad_h;  // [rows, H] in: the other part; GRU out: its direct part for h_(t-1)
  int64_t grad_h_stride;
  T* grad_c;  // [rows, H] LSTM in: of c_t, out: of c_(t-1)
  int64_t grad_c_stride;
  const T* const* saved;   // [rows] -> [saved_size]
  const T* const* c_prev;  // [rows] -> [H] LSTM
  const T* const* h_prev;  // [rows] -> [H] GRU
  const T* const* h;       // [rows] -> [H] vanilla RNN
  T* grad_gates;           // [rows, G*H] out; GRU [rows, 4H]: r, z, n's recurrent part and n
  int64_t grad_gates_stride;
  T* h_raw;  // [rows, H] out: LSTM's h before the projection, or null
  int64_t h_raw_stride;
  // Where the same sequences' rows of the step before stand, which is computed next: so far from these
  // among the pointers. 0 if there is none.
  int64_t earlier;
  bool cold;  // are saved, grad_output and the states in no near cache? They are fetched then
};

// A right side of outer products, given by rows, as they read it: blocks of columns.
template <class T>
struct PackOuterSideArguments {
  int64_t rows;
  int64_t columns;
  const T* const* b;  // [rows] -> [columns]
  T* packed;          // [outer_side_size(rows, columns)]
  bool cold;          // are the rows in no near cache? They are fetched then
  int64_t M;          // of all products with it together
};

// A packed right side of outer products, and where their sum goes.
template <class T>
struct OuterSide {
  const T* packed;
  int64_t columns;
  T* c;  // [M, columns], rows c_stride apart
  int64_t c_stride;
};

// For each side c[m, n] (+)= sum over rows of a[row, m] * b[row][n].
template <class T>
struct OuterArguments {
  int64_t rows;
  int64_t M;
  const T* a;  // [rows, M]
  int64_t a_stride;
  bool accumulate;
  const OuterSide<T>* sides;
  int64_t num_sides;
  T* scratch;  // [outer_scratch_size]
};

// sums[n] += sum over rows of a[row, n].
template <class T>
struct ColumnSumsArguments {
  int64_t rows;
  int64_t columns;
  const T* a;  // [rows, columns]
  int64_t a_stride;
  T* sums;
};

// Products with weights, and the form in which they read them.
template <class T>
struct Products {
  int64_t (*block_units)(int64_t gates);  // hidden units (or columns) in one packed block
  int64_t (*packed_size)(int64_t depth, int64_t columns, int64_t gates);
  bool (*is_packed)(const PackArguments<T>&);  // is the weight already what pack would make of it?
  void (*pack)(const PackArguments<T>&);
  void (*product)(const ProductArguments<T>&);
  bool reads_rows;  // is a single row multiplied with a B of contiguous rows or columns as it is?
};

constexpr int64_t kFingerprintWords = 64;

template <class T>
struct Kernels {
  int64_t lanes;         // of one vector
  Products<T> by_step;   // of the rows of a time step, however few; steps read weights in this form
  Products<T> by_batch;  // of the rows of many steps at once; gates = 1
  int64_t ahead_depth;   // of the deepest product of by_batch that steps compute ahead; 0 for none
  void (*rnn_tanh_step)(const StepArguments<T>&);
  void (*rnn_relu_step)(const StepArguments<T>&);
  void (*gru_step)(const StepArguments<T>&);
  void (*lstm_step)(const StepArguments<T>&);
  void (*rnn_tanh_step_backward)(const StepBackwardArguments<T>&);
  void (*rnn_relu_step_backward)(const StepBackwardArguments<T>&);
  void (*gru_step_backward)(const StepBackwardArguments<T>&);
  void (*lstm_step_backward)(const StepBackwardArguments<T>&);
  int64_t outer_scratch_size;
  int64_t (*outer_side_size)(int64_t rows, int64_t columns);
  void (*pack_outer_side)(const PackOuterSideArguments<T>&);
  void (*outer)(const OuterArguments<T>&);
  void (*column_sums)(const ColumnSumsArguments<T>&);
  void (*add)(int64_t n, const T* x, T* y);  // y += x
  void (*clear)(int64_t n, T* to);           // writes zeros past the caches
  // words[kFingerprintWords] go on from what they are to a value that depends on all bits of x: a
  // change of one element always changes them. x is fetched if it is cold: in no near cache.
  void (*fingerprint)(size_t bytes, const void* x, uint32_t* words, bool cold);
  void (*tanh)(int64_t n, const T* x, T* y);  // for the tests of the activations
  void (*sigmoid)(int64_t n, const T* x, T* y);
};

enum class Level { kDefault, kAvx2, kAvx512, kAmx };

// The level ATen runs at (ATEN_CPU_CAPABILITY lowers it), or AMX where there is AVX-512 and neither
// ATEN_CPU_CAPABILITY nor ONEDNN_MAX_CPU_ISA names less.
Level cpu_level();

// The table of a level; of this machine's by default.
template <class T>
const Kernels<T>& kernels(Level level = cpu_level());

// The table whose products (step, product, outer) round every number that they multiply to bfloat16,
// once, and add up in float32; kernels<float>() where the machine has no instruction for it.
const Kernels<float>& bfloat16_kernels(Level level = cpu_level());

}  // namespace masked_rnn
