// The tables that the files compiled per instruction set define.
#pragma once

#include <masked_rnn/csrc/kernels/kernels.h>

namespace masked_rnn {

extern const Kernels<float> kFloatDefault, kFloatAvx2, kFloatAvx512, kFloatAmx;
extern const Kernels<float> kBfloat16Avx512, kBfloat16Amx;
extern const Kernels<double> kDoubleDefault, kDoubleAvx2, kDoubleAvx512;

}  // namespace masked_rnn
