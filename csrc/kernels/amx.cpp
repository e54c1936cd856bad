// The float kernels of the level "AMX".
#define MASKED_RNN_VECTOR_BYTES 64
#include <masked_rnn/csrc/kernels/amx/table.h>
#include <masked_rnn/csrc/kernels/levels.h>

namespace masked_rnn {

const Kernels<float> kFloatAmx = amx_table();

}  // namespace masked_rnn
