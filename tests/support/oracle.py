"""What the layers must compute: torch.nn run on each sequence alone, without padding."""

from __future__ import annotations

import contextlib
import itertools
import os
from dataclasses import dataclass, field

import torch

if library := os.environ.get("MASKED_RNN_LIBRARY"):
    torch.ops.load_library(library)
else:
    import masked_rnn  # noqa: F401  registers the operators

os.environ.setdefault("MASKED_RNN_LEAST_WORK", "1")  # the layers of tests are small

CELLS = ("lstm", "gru", "rnn_tanh", "rnn_relu")
# Cells and hidden sizes of layers of 40 inputs that suit matrix tiles with many rows only.
SMALL_LAYERS = (("lstm", 72), ("gru", 72), ("rnn_tanh", 120), ("rnn_relu", 120))
TOLERANCE = {torch.float64: 1e-10, torch.float32: 1e-5}


@contextlib.contextmanager
def num_threads(count):
    """torch.set_num_threads(count) until the block ends."""
    before = torch.get_num_threads()
    torch.set_num_threads(count)
    try:
        yield
    finally:
        torch.set_num_threads(before)


@dataclass
class Case:
    """One layer with its batch: T steps, B sequences, I inputs, H hidden units."""

    cell: str
    directions: int = 1
    layers: int = 1
    bias: bool = True
    proj_size: int = 0
    given_state: bool = True
    batch_first: bool = False
    valid: str = "lengths"  # "lengths", "mask" or "all"
    dtype: torch.dtype = torch.float64
    T: int = 6
    B: int = 5
    I: int = 3  # noqa: E741
    H: int = 19
    seed: int = 0

    module: torch.nn.Module = field(init=False)
    input: torch.Tensor = field(init=False)
    states: list[torch.Tensor] = field(init=False)
    positions: torch.Tensor = field(init=False)  # [T, B] bool, which are valid
    lengths: torch.Tensor | None = field(init=False, default=None)
    mask: torch.Tensor | None = field(init=False, default=None)

    def __post_init__(self):
        torch.manual_seed(self.seed)
        kinds = {"lstm": torch.nn.LSTM, "gru": torch.nn.GRU}
        options = {"proj_size": self.proj_size} if self.proj_size else {}
        if self.cell == "rnn_relu":
            options["nonlinearity"] = "relu"
        self.module = kinds.get(self.cell, torch.nn.RNN)(
            self.I,
            self.H,
            num_layers=self.layers,
            bias=self.bias,
            bidirectional=self.directions == 2,
            **options,
        ).to(self.dtype)
        self.input = torch.randn(self.T, self.B, self.I, dtype=self.dtype)
        sizes = [self.proj_size or self.H] + ([self.H] if self.cell == "lstm" else [])
        self.states = [
            torch.randn(self.directions * self.layers, self.B, size, dtype=self.dtype)
            for size in sizes
        ]
        if self.valid == "lengths":
            self.lengths = torch.randint(0, self.T + 1, (self.B,))
            self.lengths[:2] = torch.tensor([self.T, 0])[: self.B]
            self.positions = torch.arange(self.T)[:, None] < self.lengths
        elif self.valid == "mask":
            self.mask = torch.rand(self.T, self.B) > 0.4
            self.mask[:, 1:2] = False
            self.positions = self.mask
        else:
            self.positions = torch.ones(self.T, self.B, dtype=torch.bool)

    def layout(self, tensor):
        """From time-major to the layout of the operator's input, or back."""
        return tensor.transpose(0, 1) if self.batch_first else tensor

    @property
    def hx(self):
        if not self.given_state:
            return [] if self.cell == "lstm" else None
        return self.states if self.cell == "lstm" else self.states[0]

    @property
    def weights(self):
        return self.module._flat_weights

    def leaves(self):
        """Tensors whose gradients are compared, once per run."""
        self.input = self.input.detach().requires_grad_()
        self.states = [state.detach().requires_grad_() for state in self.states]
        return [self.input] + (self.states if self.given_state else []) + list(self.weights)

    def run(self, input=None, lengths=None, mask=None):
        """The operator: output (time-major) and final states."""
        results = getattr(torch.ops.masked_rnn, self.cell)(
            self.layout(self.input if input is None else input),
            self.hx,
            self.weights,
            self.bias,
            self.layers,
            0.0,
            True,
            self.directions == 2,
            self.batch_first,
            lengths=self.lengths if lengths is None else lengths,
            mask=self.layout(self.mask) if mask is None and self.mask is not None else mask,
        )
        return [self.layout(results[0]), *results[1:]]

    def expected(self):
        """The same from torch.nn, sequence by sequence."""
        size = self.directions * (self.proj_size or self.H)
        output = torch.zeros(self.T, self.B, size, dtype=self.dtype)
        finals = [[] for _ in self.states]
        for b in range(self.B):
            steps = self.positions[:, b].nonzero()[:, 0]
            before = [
                state[:, b : b + 1] if self.given_state else torch.zeros_like(state[:, b : b + 1])
                for state in self.states
            ]
            after = before
            if len(steps):
                hx = tuple(before) if self.cell == "lstm" else before[0]
                here, after = self.module(self.input[steps, b : b + 1], hx)
                after = list(after) if self.cell == "lstm" else [after]
                output = output.index_put((steps, torch.full_like(steps, b)), here[:, 0])
            for final, state in zip(finals, after, strict=True):
                final.append(state[:, 0])
        return [output] + [torch.stack(final, 1) for final in finals]


def flat(results):
    """A layer's (output, h_n) or (output, (h_n, c_n)) as one list."""
    output, states = results
    return [output, *(states if isinstance(states, tuple) else (states,))]


def gradients(results, leaves, seed=1):
    generator = torch.Generator().manual_seed(seed)
    loss = sum(
        (result * torch.randn(result.shape, generator=generator).to(result.dtype)).sum()
        for result in results
    )
    return torch.autograd.grad(loss, leaves, allow_unused=True)


def assert_near(actual, expected, dtype):
    """Within the tolerance of the dtype, relative to the largest element if that exceeds 1."""
    assert len(actual) == len(expected)
    for a, e in zip(actual, expected, strict=True):
        assert a.shape == e.shape
        assert a.dtype == e.dtype
        if e.numel():
            scale = max(1.0, e.abs().max().item())
            assert (a - e).abs().max().item() <= TOLERANCE[dtype] * scale


def assert_same_bits(actual, expected):
    for a, e in zip(actual, expected, strict=True):
        assert a.dtype == e.dtype
        assert a.shape == e.shape
        a, e = (tensor.detach().flatten().view(torch.uint8) for tensor in (a, e))
        assert torch.equal(a, e)


def grid(**dimensions):
    return list(combinations(dimensions))


def combinations(dimensions):
    """Keyword arguments for every combination that exists (only the LSTM has a projection)."""
    for values in itertools.product(*dimensions.values()):
        options = dict(zip(dimensions, values, strict=True))
        if options.get("proj_size") and options["cell"] != "lstm":
            continue
        yield options


def name(options):
    return "-".join(f"{key}={str(value).removeprefix('torch.')}" for key, value in options.items())
