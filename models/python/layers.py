"""RNN, LSTM and GRU: torch.nn's layers that take the lengths or the mask of a padded batch. The
arithmetic is that of torch.ops.masked_rnn; nothing is computed here."""

from typing import TYPE_CHECKING, Any, overload

import torch
from torch import Tensor, nn
from torch.nn.utils.rnn import PackedSequence

from .packed import pack_like, permute_states, unpack
from .valid_steps import ValidSteps, as_tensor

_ARGUMENTS = """
    Args:
        input: ``[T, B, I]`` (``batch_first``: ``[B, T, I]``; one sequence alone: ``[T, I]``).
            Integers without the last dimension stand for one-hot vectors. Or a PackedSequence,
            which brings its own lengths; then a PackedSequence comes out (not in TorchScript).
        hx: {states}; zeros if absent.
        lengths: ``[B]`` valid steps of each sequence, 0..T, in any order: a list, a NumPy array or
            a tensor of any integer type. Every step is valid if neither it nor ``mask`` is given.
        mask: bool, ``input``'s layout without its last dimension, True at the valid steps, in any
            pattern: a list, a NumPy array or a tensor.

    Returns:
        output: ``input``'s layout with D*{size} features, 0 at padding.
        {results}

    Raises:
        ValueError: an argument has a wrong size or value, or ``lengths`` and ``mask`` are both
            given.
        TypeError: an argument has a wrong type, or another dtype than the weights.
"""

_PARAMETERS = """
    Constructor, attributes, parameters, initialisation and state dict are those of
    :class:`torch.nn.{name}`, so weights go both ways. Padding is never computed, read or given a
    gradient, and a sequence gets the same bits whatever batch it is in.
"""


class _Layer(nn.RNNBase):
    """What the three layers share. Derived from RNNBase rather than from torch.nn.LSTM and its
    sisters, which torch.compile refuses to trace."""

    def _weights(self) -> list[Tensor]:
        """As attributes tell them now: pruned, parametrised or replaced for one call."""
        return [getattr(self, name) for name in self._flat_weights_names]

    def _packed(self, packed: PackedSequence, states: list[Tensor], lengths: Any, mask: Any):
        """(output, final states) of a packed batch."""
        if lengths is not None or mask is not None:
            raise ValueError(
                f"masked_rnn.{type(self).__name__}: expected neither `lengths` nor `mask` with a "
                "PackedSequence, which has its own lengths"
            )
        batch = unpack(packed)
        states = permute_states(states, packed.sorted_indices)
        output, *final = self._run(batch.input, states, self._weights(), False, batch.lengths, None)
        return pack_like(packed, batch, output), permute_states(final, packed.unsorted_indices)


def _check_state(layer: nn.Module, hx: Any) -> None:
    if hx is None or isinstance(hx, Tensor):
        return
    got = f"a {type(hx).__name__}" + (f" of {len(hx)}" if isinstance(hx, (tuple, list)) else "")
    raise TypeError(
        f"masked_rnn.{type(layer).__name__}: expected `hx` to be one tensor, h_0, but got {got}"
    )


class _OneStateLayer(_Layer):
    """The layers whose state is h alone."""

    if TYPE_CHECKING:

        @overload
        def __call__(
            self,
            input: Tensor,
            hx: Tensor | None = None,
            lengths: ValidSteps = None,
            mask: ValidSteps = None,
        ) -> tuple[Tensor, Tensor]: ...
        @overload
        def __call__(
            self, input: PackedSequence, hx: Tensor | None = None
        ) -> tuple[PackedSequence, Tensor]: ...

    def forward(
        self,
        input: Tensor,
        hx: Tensor | None = None,
        lengths: Tensor | None = None,
        mask: Tensor | None = None,
    ) -> tuple[Tensor, Tensor]:
        states: list[Tensor] = []
        if not torch.jit.is_scripting():
            _check_state(self, hx)
        if hx is not None:
            states = [hx]
        weights = self._flat_weights
        if not torch.jit.is_scripting():
            if isinstance(input, PackedSequence):
                output, final = self._packed(input, states, lengths, mask)
                return output, final[0]
            weights = self._weights()
            lengths, mask = as_tensor("lengths", lengths), as_tensor("mask", mask)
        return self._run(input, states, weights, self.batch_first, lengths, mask)


def _no_projection(options: dict[str, Any]) -> None:
    if "proj_size" in options:
        raise ValueError("proj_size argument is only supported for LSTM, not RNN or GRU")


class RNN(_OneStateLayer):
    __doc__ = (
        """Elman network, ``h_t = tanh(W_ih x_t + b_ih + W_hh h_(t-1) + b_hh)``, or with relu
    (Elman, Finding structure in time, 1990).
"""
        + _PARAMETERS.format(name="RNN")
        + """
    >>> import masked_rnn, torch
    >>> layer = masked_rnn.RNN(input_size=4, hidden_size=8)
    >>> output, h_n = layer(torch.randn(5, 3, 4), lengths=[5, 0, 2])
    >>> output.shape, h_n.shape
    (torch.Size([5, 3, 8]), torch.Size([1, 3, 8]))
    >>> bool((output[2:, 2] == 0).all())
    True
    """
    )

    def __init__(
        self,
        input_size: int,
        hidden_size: int,
        num_layers: int = 1,
        nonlinearity: str = "tanh",
        *args: Any,
        **options: Any,
    ) -> None:
        _no_projection(options)
        if nonlinearity not in ("tanh", "relu"):
            raise ValueError(
                f"Unknown nonlinearity '{nonlinearity}'. Select from 'tanh' or 'relu'."
            )
        self.nonlinearity = nonlinearity
        mode = f"RNN_{nonlinearity.upper()}"
        super().__init__(mode, input_size, hidden_size, num_layers, *args, **options)

    def _run(
        self,
        input: Tensor,
        states: list[Tensor],
        weights: list[Tensor],
        batch_first: bool,
        lengths: Tensor | None,
        mask: Tensor | None,
    ) -> tuple[Tensor, Tensor]:
        hx: Tensor | None = None
        if len(states) > 0:
            hx = states[0]
        if self.nonlinearity == "relu":
            return torch.ops.masked_rnn.rnn_relu(
                input,
                hx,
                weights,
                self.bias,
                self.num_layers,
                self.dropout,
                self.training,
                self.bidirectional,
                batch_first,
                lengths,
                mask,
            )
        return torch.ops.masked_rnn.rnn_tanh(
            input,
            hx,
            weights,
            self.bias,
            self.num_layers,
            self.dropout,
            self.training,
            self.bidirectional,
            batch_first,
            lengths,
            mask,
        )


def _check_pair(hx: Any) -> None:
    if hx is None or (isinstance(hx, (tuple, list)) and len(hx) == 2):
        return
    got = f"{len(hx)} of them" if isinstance(hx, (tuple, list)) else f"one {type(hx).__name__}"
    raise TypeError(f"masked_rnn.LSTM: expected `hx` to be (h_0, c_0), but got {got}")


class LSTM(_Layer):
    __doc__ = (
        """Long short-term memory (Hochreiter and Schmidhuber 1997, with forget gates and the
    optional projection of Sak et al. 2014): ``c_t = f * c_(t-1) + i * g``, ``h_t = o * tanh(c_t)``,
    gates in the order i, f, g, o.
"""
        + _PARAMETERS.format(name="LSTM")
        + """
    >>> import masked_rnn, torch
    >>> layer = masked_rnn.LSTM(4, 8, batch_first=True, bidirectional=True)
    >>> output, (h_n, c_n) = layer(torch.randn(3, 5, 4), lengths=torch.tensor([5, 0, 2]))
    >>> output.shape, h_n.shape, c_n.shape
    (torch.Size([3, 5, 16]), torch.Size([2, 3, 8]), torch.Size([2, 3, 8]))
    >>> bool((h_n[0, 2] == output[2, 1, :8]).all())  # after the last valid step
    True
    """
    )

    if TYPE_CHECKING:

        @overload
        def __call__(
            self,
            input: Tensor,
            hx: tuple[Tensor, Tensor] | None = None,
            lengths: ValidSteps = None,
            mask: ValidSteps = None,
        ) -> tuple[Tensor, tuple[Tensor, Tensor]]: ...
        @overload
        def __call__(
            self, input: PackedSequence, hx: tuple[Tensor, Tensor] | None = None
        ) -> tuple[PackedSequence, tuple[Tensor, Tensor]]: ...

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__("LSTM", *args, **options)

    def _run(
        self,
        input: Tensor,
        states: list[Tensor],
        weights: list[Tensor],
        batch_first: bool,
        lengths: Tensor | None,
        mask: Tensor | None,
    ) -> tuple[Tensor, Tensor, Tensor]:
        return torch.ops.masked_rnn.lstm(
            input,
            states,
            weights,
            self.bias,
            self.num_layers,
            self.dropout,
            self.training,
            self.bidirectional,
            batch_first,
            lengths,
            mask,
        )

    def forward(
        self,
        input: Tensor,
        hx: tuple[Tensor, Tensor] | None = None,
        lengths: Tensor | None = None,
        mask: Tensor | None = None,
    ) -> tuple[Tensor, tuple[Tensor, Tensor]]:
        states: list[Tensor] = []
        if not torch.jit.is_scripting():
            _check_pair(hx)
        if hx is not None:
            states = [hx[0], hx[1]]
        weights = self._flat_weights
        if not torch.jit.is_scripting():
            if isinstance(input, PackedSequence):
                output, final = self._packed(input, states, lengths, mask)
                return output, (final[0], final[1])
            weights = self._weights()
            lengths, mask = as_tensor("lengths", lengths), as_tensor("mask", mask)
        output, h_n, c_n = self._run(input, states, weights, self.batch_first, lengths, mask)
        return output, (h_n, c_n)


class GRU(_OneStateLayer):
    __doc__ = (
        """Gated recurrent unit (Cho et al. 2014, reset gate after the product, as torch.nn.GRU):
    ``n = tanh(W_in x_t + b_in + r * (W_hn h_(t-1) + b_hn))``, ``h_t = (1 - z) * n + z * h_(t-1)``,
    gates in the order r, z, n.
"""
        + _PARAMETERS.format(name="GRU")
        + """
    >>> import masked_rnn, torch
    >>> layer = masked_rnn.GRU(4, 8)
    >>> mask = torch.tensor([[True, False], [True, True], [False, True]])  # [T, B]
    >>> output, h_n = layer(torch.randn(3, 2, 4), mask=mask)
    >>> bool((h_n[0, 0] == output[1, 0]).all()), bool((output[0, 1] == 0).all())
    (True, True)
    """
    )

    def __init__(self, *args: Any, **options: Any) -> None:
        _no_projection(options)
        super().__init__("GRU", *args, **options)

    def _run(
        self,
        input: Tensor,
        states: list[Tensor],
        weights: list[Tensor],
        batch_first: bool,
        lengths: Tensor | None,
        mask: Tensor | None,
    ) -> tuple[Tensor, Tensor]:
        hx: Tensor | None = None
        if len(states) > 0:
            hx = states[0]
        return torch.ops.masked_rnn.gru(
            input,
            hx,
            weights,
            self.bias,
            self.num_layers,
            self.dropout,
            self.training,
            self.bidirectional,
            batch_first,
            lengths,
            mask,
        )


_OneStateLayer.forward.__doc__ = _ARGUMENTS.format(
    states="``h_0 [L*D, B, H]`` (one sequence alone: ``[L*D, H]``)",
    size="H",
    results="h_n: ``[L*D, B, H]`` after the last valid step (in reverse: the first).",
)
LSTM.forward.__doc__ = _ARGUMENTS.format(
    states="``(h_0 [L*D, B, P], c_0 [L*D, B, H])``, P = ``proj_size`` or H (one sequence alone: "
    "without B)",
    size="P",
    results="(h_n, c_n): the states after the last valid step (in reverse: the first).",
)
