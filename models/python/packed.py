"""Between torch.nn's PackedSequence and the padded batch that the operators take."""

from typing import NamedTuple

import torch
from torch import Tensor
from torch.nn.utils.rnn import PackedSequence


class UnpackedBatch(NamedTuple):
    """A packed batch laid out as a padded one, in its own (sorted) order of sequences."""

    input: Tensor  # [T, B, I], or [T, B] if the packed data are indices; 0 at padding
    lengths: Tensor  # [B] int64, falling
    rows: Tensor  # [N] int64, the place t*B + b of each packed row


def unpack(packed: PackedSequence) -> UnpackedBatch:
    """``packed.data`` is ``[N, I]`` (or ``[N]``), ``packed.batch_sizes`` ``[T]`` on the CPU."""
    # Row r of the data is the r-th pair (t, b) with b < batch_sizes[t], time-major.
    data, batch_sizes = packed.data, packed.batch_sizes
    T, B = len(batch_sizes), int(batch_sizes[0])
    valid = torch.arange(B) < batch_sizes.unsqueeze(1)
    rows = valid.flatten().nonzero().squeeze(1).to(data.device)
    padded = data.new_zeros((T * B, *data.shape[1:])).index_copy(0, rows, data)
    return UnpackedBatch(padded.view(T, B, *data.shape[1:]), valid.sum(0).to(data.device), rows)


def pack_like(like: PackedSequence, batch: UnpackedBatch, output: Tensor) -> PackedSequence:
    """Packs ``output [T, B, F]``, computed from ``batch``, with the order of ``like``."""
    return PackedSequence(
        output.flatten(0, 1).index_select(0, batch.rows),
        like.batch_sizes,
        like.sorted_indices,
        like.unsorted_indices,
    )


def permute_states(states: list[Tensor], indices: Tensor | None) -> list[Tensor]:
    """Reorders the sequences of states ``[L*D, B, H]``; as they are without indices."""
    return states if indices is None else [state.index_select(1, indices) for state in states]
