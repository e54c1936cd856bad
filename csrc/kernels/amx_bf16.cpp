// The float kernels of the level "AMX" with products of bfloat16.
#define MASKED_RNN_VECTOR_BYTES 64
#define MASKED_RNN_BFLOAT16_PRODUCTS
#include <masked_rnn/csrc/kernels/amx/table.h>
#include <masked_rnn/csrc/kernels/levels.h>

namespace masked_rnn {

const Kernels<float> kBfloat16Amx = amx_table();

}  // namespace masked_rnn
