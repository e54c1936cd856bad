"""Export to ONNX: each recurrent layer becomes ONNX's own LSTM, GRU or RNN with `sequence_lens`."""

from collections.abc import Callable, Sequence
from typing import Any

import torch

# ONNX's order of the gates, as places in PyTorch's: i, o, f, c of i, f, g, o; z, r, h of r, z, n.
_GATES = {"LSTM": (0, 3, 1, 2), "GRU": (1, 0, 2), "RNN": (0,)}


class UnsupportedError(ValueError):
    """What a layer does that no ONNX operator can."""


def _refuse(name: str, what: str) -> None:
    raise UnsupportedError(f"masked_rnn.onnx.export: torch.ops.masked_rnn.{name} {what}")


def _stack(op, name, kind, input, states, params, options, lengths, mask):
    """Layers and directions as a chain of ONNX operators; returns output and final states."""
    has_biases, num_layers, dropout, train, bidirectional, batch_first = options
    directions = 2 if bidirectional else 1
    a_direction = len(params) // (num_layers * directions)
    if a_direction not in (2, 4):
        _refuse(name, "has a projection (proj_size), which ONNX's LSTM does not know")
    if mask is not None:
        _refuse(
            name,
            "was given a `mask`, which may have holes; ONNX knows lengths only: give `lengths`",
        )
    if train and dropout > 0:
        _refuse(name, "is in training with dropout: call model.eval() before")
    if len(input.shape) != 3:
        _refuse(
            name,
            f"was given an input of {len(input.shape)} dimensions; expected a batch of vectors "
            "[T, B, I]",
        )

    def ints(*values: int):
        return op.Constant(value_ints=list(values))

    def in_onnx_order(tensor):
        gates = _GATES[kind]
        if len(gates) == 1:
            return tensor
        parts = op.Split(tensor, axis=0, num_outputs=len(gates))
        return op.Concat(*[parts[place] for place in gates], axis=0)

    def of_directions(tensors):
        return op.Concat(*[op.Unsqueeze(t, ints(0)) for t in tensors], axis=0)

    x = op.Transpose(input, perm=[1, 0, 2]) if batch_first else input
    sequence_lens = None if lengths is None else op.Cast(lengths, to=6)  # int32
    # ONNX does not say what a sequence of length 0 gives (onnxruntime: final states of 0 whatever
    # the initial ones are). It is computed for a step, and then replaced.
    at_least_one = valid = None
    if sequence_lens is not None:
        one = op.Constant(value=_tensor(1))
        at_least_one = op.Max(sequence_lens, one)
        valid = op.Unsqueeze(op.GreaterOrEqual(sequence_lens, one), ints(1))  # [B, 1]
    extra = {
        "LSTM": {},
        "GRU": {"linear_before_reset": 1},
        "RNN": {"activations": ["Relu" if name == "rnn_relu" else "Tanh"] * directions},
    }[kind]
    zero = op.CastLike(op.Constant(value_float=0.0), params[0])
    finals = [[] for _ in range(2 if kind == "LSTM" else 1)]
    for layer in range(num_layers):
        first = layer * directions
        weights = [
            [in_onnx_order(params[(first + d) * a_direction + i]) for i in range(a_direction)]
            for d in range(directions)
        ]
        biases = None
        if has_biases:
            biases = of_directions([op.Concat(w[2], w[3], axis=0) for w in weights])
        initial = [
            op.Slice(state, ints(first), ints(first + directions), ints(0)) for state in states
        ]
        arguments = [
            x,
            of_directions([w[0] for w in weights]),
            of_directions([w[1] for w in weights]),
            biases,
            at_least_one,
            *(initial or [None] * len(finals)),
        ]
        y, *final = getattr(op, kind)(
            *arguments,
            hidden_size=params[1].shape[1],
            direction="bidirectional" if bidirectional else "forward",
            **extra,
        )
        if valid is not None:
            y = op.Where(valid, y, zero)
            before = initial or [zero] * len(final)
            final = [op.Where(valid, f, b) for f, b in zip(final, before, strict=True)]
        for all_of_them, one_layer in zip(finals, final, strict=True):
            all_of_them.append(one_layer)
        # [T, D, B, H] to [T, B, D*H]
        x = op.Reshape(op.Transpose(y, perm=[0, 2, 1, 3]), ints(0, 0, -1))
    output = op.Transpose(x, perm=[1, 0, 2]) if batch_first else x
    return output, *[op.Concat(*states, axis=0) for states in finals]


def _tensor(value: int):
    import onnx

    return onnx.helper.make_tensor("value", onnx.TensorProto.INT32, [], [value])


def _translations() -> dict[Callable, Callable]:
    from onnxscript import opset18 as op

    def translation(name: str, kind: str):
        def translate(
            input,
            hx,
            params: Sequence[Any],
            has_biases: bool,
            num_layers: int,
            dropout: float,
            train: bool,
            bidirectional: bool,
            batch_first: bool,
            lengths=None,
            mask=None,
        ):
            options = (has_biases, num_layers, dropout, train, bidirectional, batch_first)
            given = [] if hx is None else [hx]
            states = list(hx) if kind == "LSTM" else given
            return _stack(op, name, kind, input, states, params, options, lengths, mask)

        return translate

    ops = torch.ops.masked_rnn
    return {
        ops.lstm.default: translation("lstm", "LSTM"),
        ops.gru.default: translation("gru", "GRU"),
        ops.rnn_tanh.default: translation("rnn_tanh", "RNN"),
        ops.rnn_relu.default: translation("rnn_relu", "RNN"),
    }


def export(model: torch.nn.Module, args: tuple[Any, ...] = (), f: Any = None, **options: Any):
    """:func:`torch.onnx.export` of a model that has layers of this package (needs onnxscript).

    Each layer becomes one ONNX LSTM, GRU (``linear_before_reset=1``) or RNN for all its directions,
    with gates and biases in ONNX's order and the lengths as ``sequence_lens``.

    Args:
        model, args, f, options: as of torch.onnx.export; ``kwargs={"lengths": ...}`` and
            ``dynamic_shapes`` among the options.

    Returns:
        The ONNXProgram.

    Raises:
        ImportError: onnxscript is not installed.
        ValueError: a layer has ``proj_size``, dropout in training, a ``mask``, one-hot indices or
            input without a batch.
    """
    try:
        translations = _translations()
    except ImportError as error:
        raise ImportError(
            "masked_rnn.onnx.export: expected onnx and onnxscript to be installed: "
            "pip install onnx onnxscript"
        ) from error
    translations.update(options.pop("custom_translation_table", None) or {})
    try:
        return torch.onnx.export(
            model, args, f, dynamo=True, custom_translation_table=translations, **options
        )
    except Exception as error:
        cause = error
        while cause is not None and not isinstance(cause, UnsupportedError):
            cause = cause.__cause__ or cause.__context__
        if cause is None:
            raise
        raise UnsupportedError(*cause.args) from None
