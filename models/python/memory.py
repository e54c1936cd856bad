"""The memory that layers keep for their next calls."""

import torch


def empty_cache() -> None:
    """Give the system what layers have kept for their next calls and nobody uses.

    That is up to 256 MiB, or what was in use at once during the last few hundred calls, where
    that is more, up to 1 GiB. The next calls get fresh memory, which is slower. What
    ``torch.cuda.empty_cache`` is for CUDA, for the layers of this package on the CPU.
    """
    torch.ops.masked_rnn.empty_cache()
