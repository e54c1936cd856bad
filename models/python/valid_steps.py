"""Which steps of a padded batch are valid: lengths and masks as callers write them."""

import reprlib
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor

if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import TypeAlias

    import numpy.typing

    ValidSteps: TypeAlias = (
        Tensor | Sequence[int] | Sequence[Sequence[bool]] | numpy.typing.NDArray[Any] | None
    )
else:
    ValidSteps = Any


def as_tensor(argument: str, value: ValidSteps) -> Tensor | None:
    """A list or NumPy array as a tensor; an empty one holds no sequences, not floats."""
    if value is None or isinstance(value, Tensor):
        return value
    try:
        tensor = torch.as_tensor(value)
    except (TypeError, ValueError, RuntimeError) as error:
        raise TypeError(
            f"masked_rnn: expected `{argument}` to be a list, a NumPy array or a tensor, but got "
            f"{reprlib.repr(value)}"
        ) from error
    return tensor.long() if tensor.numel() == 0 and tensor.is_floating_point() else tensor


def valid_mask(
    name: str, steps: Tensor, lengths: ValidSteps, mask: ValidSteps, batch_first: bool
) -> Tensor:
    """``[T, B]`` bool, on ``steps``' device, whose first dimensions are ``[T, B]`` (``[B, T]``)."""
    lengths, mask = as_tensor("lengths", lengths), as_tensor("mask", mask)
    layout = tuple(steps.shape[:2])
    if lengths is not None and mask is not None:
        raise ValueError(f"masked_rnn.{name}: expected `lengths` or `mask`, but got both")
    if mask is not None:
        if mask.dtype != torch.bool:
            raise TypeError(f"masked_rnn.{name}: expected `mask` to be bool, but got {mask.dtype}")
        if tuple(mask.shape) != layout:
            raise ValueError(
                f"masked_rnn.{name}: expected `mask` to have the shape {list(layout)}, but got "
                f"{list(mask.shape)}"
            )
        mask = mask.to(steps.device)
        return mask.t() if batch_first else mask
    T, B = layout[::-1] if batch_first else layout
    if lengths is None:
        return torch.ones(T, B, dtype=torch.bool, device=steps.device)
    if lengths.dtype.is_floating_point or lengths.dtype.is_complex or lengths.dtype == torch.bool:
        raise TypeError(
            f"masked_rnn.{name}: expected `lengths` to be integers, but got {lengths.dtype}"
        )
    if tuple(lengths.shape) != (B,):
        raise ValueError(
            f"masked_rnn.{name}: expected `lengths` to have one entry per sequence "
            f"(batch_size={B}), but got the shape {list(lengths.shape)}"
        )
    lengths = lengths.to(steps.device, torch.long)
    if not torch.compiler.is_compiling() and not lengths.is_meta and B > 0:
        least, most = int(lengths.min()), int(lengths.max())
        if least < 0 or most > T:
            raise ValueError(
                f"masked_rnn.{name}: expected `lengths` to be between 0 and {T}, but got "
                f"{least if least < 0 else most}"
            )
    return torch.arange(T, device=steps.device).unsqueeze(1) < lengths
