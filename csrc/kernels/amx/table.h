// The float kernels of the level "AVX-512" with the products of batches on matrix tiles.
#pragma once

#include <masked_rnn/csrc/kernels/amx/outer.h>
#include <masked_rnn/csrc/kernels/amx/step.h>
#include <masked_rnn/csrc/kernels/table.h>

namespace masked_rnn {
namespace {

constexpr Kernels<float> amx_table() {
  Kernels<float> kernels = table<float>();
  kernels.by_batch = {block_units<float>,
                      amx_packed_size,
                      amx_is_packed,
                      amx_pack,
                      amx_product,
                      /*reads_rows=*/false};
  kernels.ahead_depth = 0;
  if constexpr (kPieces == 1) {
    kernels.by_step = kernels.by_batch;
    kernels.rnn_tanh_step = amx_step<RnnCell<float, TanhActivation<float>>>;
    kernels.rnn_relu_step = amx_step<RnnCell<float, ReluActivation<float>>>;
    kernels.gru_step = amx_step<GruCell<float>>;
    kernels.lstm_step = amx_step<LstmCell<float>>;
  }
  kernels.outer_scratch_size = kAmxOuterScratchSize;
  kernels.outer_side_size = amx_outer_side_size;
  kernels.pack_outer_side = amx_pack_outer_side;
  kernels.outer = amx_outer;
  return kernels;
}

}  // namespace
}  // namespace masked_rnn
