"""The operators as functions with documented arguments, and what is done with the steps that they
return: masked mean, maximum, last states and cross-entropy."""

import inspect
from collections.abc import Callable, Sequence
from typing import Concatenate, ParamSpec, TypeVar

import torch
from torch import Tensor

from .valid_steps import ValidSteps, as_tensor, valid_mask

__all__ = [
    "gru",
    "last_states",
    "lstm",
    "masked_cross_entropy",
    "masked_max",
    "masked_mean",
    "rnn_relu",
    "rnn_tanh",
]

_Arguments = ParamSpec("_Arguments")
_Results = TypeVar("_Results")

_OPERATOR = """{what} over a padded batch; ``torch.{name}``'s arithmetic, valid steps only.

    Args:
        input: ``[T, B, I]`` (``batch_first``: ``[B, T, I]``; one sequence alone: ``[T, I]``), or
            integers without the last dimension for one-hot vectors.
        hx: {states}; None for zeros.
        params: for each layer and direction weight_ih ``[G*H, I]``, weight_hh ``[G*H, {size}]``
            and, with ``has_biases``, bias_ih and bias_hh ``[G*H]``{projection}; G = {gates}.
        has_biases, num_layers, bidirectional, batch_first: as of ``torch.nn``'s layers.
        dropout: the probability of a zero between layers, where ``train``.
        lengths: ``[B]`` integers 0..T: a list, a NumPy array or a tensor.
        mask: bool, ``input``'s layout without its last dimension.

    Returns:
        {results}

    Raises:
        ValueError, TypeError: the message names the argument, what it must be and what it is.
    """


def _run(name, input, hx, params, options, lengths, mask):
    return getattr(torch.ops.masked_rnn, name)(
        input, hx, list(params), *options, as_tensor("lengths", lengths), as_tensor("mask", mask)
    )


def lstm(
    input: Tensor,
    hx: tuple[Tensor, Tensor] | None,
    params: Sequence[Tensor],
    *,
    has_biases: bool = True,
    num_layers: int = 1,
    dropout: float = 0.0,
    train: bool = False,
    bidirectional: bool = False,
    batch_first: bool = False,
    lengths: ValidSteps = None,
    mask: ValidSteps = None,
) -> tuple[Tensor, tuple[Tensor, Tensor]]:
    options = (has_biases, num_layers, dropout, train, bidirectional, batch_first)
    states = [] if hx is None else list(hx)
    output, h_n, c_n = _run("lstm", input, states, params, options, lengths, mask)
    return output, (h_n, c_n)


def _one_state(
    operator: str,
    input: Tensor,
    hx: Tensor | None,
    params: Sequence[Tensor],
    *,
    has_biases: bool = True,
    num_layers: int = 1,
    dropout: float = 0.0,
    train: bool = False,
    bidirectional: bool = False,
    batch_first: bool = False,
    lengths: ValidSteps = None,
    mask: ValidSteps = None,
) -> tuple[Tensor, Tensor]:
    options = (has_biases, num_layers, dropout, train, bidirectional, batch_first)
    output, h_n = _run(operator, input, hx, params, options, lengths, mask)
    return output, h_n


def _named(
    function: Callable[Concatenate[str, _Arguments], _Results], name: str, what: str, gates: int
) -> Callable[_Arguments, _Results]:
    def operator(*args: _Arguments.args, **kwargs: _Arguments.kwargs) -> _Results:
        return function(name, *args, **kwargs)

    operator.__name__ = operator.__qualname__ = name
    signature = inspect.signature(function)
    parameters = list(signature.parameters.values())[1:]
    operator.__signature__ = signature.replace(parameters=parameters)
    operator.__doc__ = _OPERATOR.format(
        what=what,
        name=name,
        gates=gates,
        states="``h_0 [L*D, B, H]``",
        size="H",
        projection="",
        results="output ``[T, B, D*H]``, 0 at padding, and h_n ``[L*D, B, H]``.",
    )
    return operator


gru = _named(_one_state, "gru", "GRU layers", 3)
rnn_tanh = _named(_one_state, "rnn_tanh", "Elman layers with tanh", 1)
rnn_relu = _named(_one_state, "rnn_relu", "Elman layers with relu", 1)
lstm.__doc__ = _OPERATOR.format(
    what="LSTM layers",
    name="lstm",
    gates=4,
    states="``(h_0 [L*D, B, P], c_0 [L*D, B, H])``, P = H without projection",
    size="P",
    projection=", and with a projection weight_hr ``[P, H]``",
    results="output ``[T, B, D*P]``, 0 at padding, and ``(h_n, c_n)``.",
)


def _steps(name: str, output: Tensor, lengths: ValidSteps, mask: ValidSteps, batch_first: bool):
    """``output`` as ``[T, B, F]`` with 0 at padding, and ``[T, B]`` what is valid."""
    if output.dim() != 3:
        raise ValueError(
            f"masked_rnn.{name}: expected `output` to have 3 dimensions, but got {output.dim()}"
        )
    valid = valid_mask(name, output, lengths, mask, batch_first)
    steps = output.transpose(0, 1) if batch_first else output
    return steps.masked_fill(~valid.unsqueeze(2), 0), valid


def masked_mean(
    output: Tensor,
    *,
    lengths: ValidSteps = None,
    mask: ValidSteps = None,
    batch_first: bool = False,
) -> Tensor:
    """Mean over the valid steps: ``[T, B, F]`` (``batch_first``: ``[B, T, F]``) to ``[B, F]``.

    A sequence without valid steps gets 0. Padding is not read, its gradient is 0.

    >>> masked_mean(torch.tensor([[[1.0]], [[3.0]], [[99.0]]]), lengths=[2])
    tensor([[2.]])
    """
    steps, valid = _steps("masked_mean", output, lengths, mask, batch_first)
    return steps.sum(0) / valid.sum(0).clamp(min=1).unsqueeze(1)


def masked_max(
    output: Tensor,
    *,
    lengths: ValidSteps = None,
    mask: ValidSteps = None,
    batch_first: bool = False,
) -> Tensor:
    """Largest value over the valid steps, of each feature: ``[T, B, F]`` to ``[B, F]``.

    A sequence without valid steps gets 0. Padding is not read, its gradient is 0.

    >>> masked_max(torch.tensor([[[-1.0]], [[-3.0]], [[99.0]]]), lengths=[2])
    tensor([[-1.]])
    """
    steps, valid = _steps("masked_max", output, lengths, mask, batch_first)
    if steps.size(0) == 0:
        return steps.sum(0)
    largest = steps.masked_fill(~valid.unsqueeze(2), -torch.inf).max(0).values
    return largest.masked_fill(~valid.any(0).unsqueeze(1), 0)


def last_states(
    output: Tensor,
    *,
    lengths: ValidSteps = None,
    mask: ValidSteps = None,
    batch_first: bool = False,
    bidirectional: bool = False,
) -> Tensor:
    """The output after each sequence's last valid step: ``[T, B, F]`` to ``[B, F]``.

    With ``bidirectional`` the second half of the features is taken at the first valid step, where
    the reverse direction ends. A sequence without valid steps gets 0. It is h_n of the last layer,
    side by side, if the initial states were zeros.

    >>> last_states(torch.tensor([[[1.0]], [[3.0]], [[99.0]]]), lengths=[2])
    tensor([[3.]])
    """
    steps, valid = _steps("last_states", output, lengths, mask, batch_first)
    if steps.size(0) == 0:
        return steps.sum(0)
    if bidirectional and steps.size(2) % 2:
        raise ValueError(
            "masked_rnn.last_states: expected `output` of both directions to have an even number "
            f"of features, but got {steps.size(2)}"
        )

    def at(step: Tensor, part: Tensor) -> Tensor:
        return part.gather(0, step[None, :, None].expand(1, -1, part.size(2))).squeeze(0)

    last = steps.size(0) - 1 - valid.flip(0).long().argmax(0)
    if not bidirectional:
        return at(last, steps)
    forward, reverse = steps.chunk(2, dim=2)
    return torch.cat([at(last, forward), at(valid.long().argmax(0), reverse)], dim=1)


def masked_cross_entropy(
    input: Tensor,
    target: Tensor,
    *,
    lengths: ValidSteps = None,
    mask: ValidSteps = None,
    batch_first: bool = False,
    weight: Tensor | None = None,
    ignore_index: int = -100,
    reduction: str = "mean",
    label_smoothing: float = 0.0,
) -> Tensor:
    """Cross-entropy of every valid step, :func:`torch.nn.functional.cross_entropy` of them.

    Args:
        input: logits ``[T, B, C]`` (``batch_first``: ``[B, T, C]``).
        target: classes, int64 ``[T, B]`` (``[B, T]``).
        reduction: ``"mean"`` over the valid steps (0 if there are none), ``"sum"``, or ``"none"``:
            in ``target``'s layout, 0 at padding.

    Padding is read neither in ``input`` nor in ``target``; its gradient is 0.

    >>> logits = torch.zeros(3, 2, 4)
    >>> float(masked_cross_entropy(logits, torch.zeros(3, 2).long(), lengths=[3, 1]).exp())
    4.0
    """
    if reduction not in ("mean", "sum", "none"):
        raise ValueError(
            "masked_rnn.masked_cross_entropy: expected `reduction` to be 'mean', 'sum' or 'none', "
            f"but got '{reduction}'"
        )
    if target.shape != input.shape[:-1]:
        raise ValueError(
            "masked_rnn.masked_cross_entropy: expected `target` to have the shape "
            f"{list(input.shape[:-1])}, but got {list(target.shape)}"
        )
    logits, valid = _steps("masked_cross_entropy", input, lengths, mask, batch_first)
    classes = target.transpose(0, 1) if batch_first else target
    classes = classes.masked_fill(~valid, ignore_index)
    losses = torch.nn.functional.cross_entropy(
        logits.flatten(0, 1),
        classes.flatten(),
        weight=weight,
        ignore_index=ignore_index,
        reduction="none",
        label_smoothing=label_smoothing,
    ).view(valid.shape)
    if reduction == "none":
        return losses.transpose(0, 1) if batch_first else losses
    if reduction == "sum":
        return losses.sum()
    counted = classes != ignore_index
    if weight is None:
        return losses.sum() / counted.sum().clamp(min=1)
    total = weight[classes.masked_fill(~counted, 0)].masked_fill(~counted, 0).sum()
    return losses.sum() / torch.where(total == 0, torch.ones_like(total), total)
