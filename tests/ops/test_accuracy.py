"""Rounding errors against float64: at most 1.5 times those of torch.nn on the same data."""

import pytest
import torch
from oracle import CELLS, Case, gradients
from torch.nn.utils.rnn import pack_padded_sequence, pad_packed_sequence


def by_nn(case):
    """The whole batch through pack_padded_sequence: sequences have at least one step here."""
    hx = tuple(case.states) if case.cell == "lstm" else case.states[0]
    packed = pack_padded_sequence(case.input, case.lengths, enforce_sorted=False)
    output, finals = case.module(packed, hx)
    finals = list(finals) if case.cell == "lstm" else [finals]
    return [pad_packed_sequence(output, total_length=case.T)[0], *finals]


def in_double(case):
    exact = Case(case.cell, T=case.T, B=case.B, I=case.I, H=case.H)
    exact.module.load_state_dict(case.module.state_dict())
    exact.input = case.input.detach().double()
    exact.states = [state.detach().double() for state in case.states]
    exact.lengths = case.lengths
    return exact


def root_mean_square(x):
    return x.square().mean().sqrt().item()


@pytest.mark.parametrize("cell", CELLS)
@pytest.mark.parametrize(("T", "B", "I", "H"), [(25, 16, 64, 64), (60, 24, 80, 128)])
def test_rounding_errors(cell, T, B, I, H):  # noqa: E741
    case = Case(cell, T=T, B=B, I=I, H=H, dtype=torch.float32)
    case.lengths = case.lengths.clamp(min=1)
    exact = in_double(case)

    def all_of(case, run):
        leaves = case.leaves()
        results = run(case)
        return [*[x.detach() for x in results], *gradients(results, leaves)]

    # The same random weights of the results for both dtypes.
    expected = all_of(exact, by_nn)
    ours, theirs = all_of(case, Case.run), all_of(case, by_nn)
    for e, a, b in zip(expected, ours, theirs, strict=True):
        assert root_mean_square(a - e) <= 1.5 * root_mean_square(b - e)
