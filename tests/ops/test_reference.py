"""The reference (what runs on devices without a kernel of ours) against the CPU kernels."""

import pytest
import torch
from oracle import CELLS, Case, assert_near, grid, name

# A device key that nobody claims: there, the dispatcher chooses the reference.
UNCLAIMED = torch._C.DispatchKeySet(torch._C.DispatchKey.PrivateUse1)

OPERATORS = {"lstm": "lstm_layer", "gru": "gru_layer"}


def by_reference(operator, *arguments):
    with torch.no_grad():
        return getattr(torch.ops.masked_rnn, operator).default.redispatch(UNCLAIMED, *arguments)


def by_kernel(operator, *arguments):
    with torch.no_grad():
        return getattr(torch.ops.masked_rnn, operator)(*arguments)


@pytest.mark.parametrize(
    "options",
    grid(
        cell=CELLS,
        proj_size=(0, 7),
        bias=(True, False),
        valid=("lengths", "mask", "all"),
        reverse=(False, True),
        one_hot=(False, True),
        dtype=(torch.float64, torch.float32, torch.bfloat16),
    ),
    ids=name,
)
def test_reference_equals_kernel(options):
    reverse, one_hot = options.pop("reverse"), options.pop("one_hot")
    narrow = options["dtype"] == torch.bfloat16
    case = Case(**options)
    operator = OPERATORS.get(case.cell, "rnn_layer")
    weights = list(case.weights)
    projection = [weights.pop()] if case.proj_size else [None] * (case.cell == "lstm")
    arguments = [
        torch.randint(0, case.I, (case.T, case.B)) if one_hot else case.input,
        *[state[0] for state in case.states],
        *weights,
        *([] if case.bias else [None, None]),
        *projection,
        *([case.cell.removeprefix("rnn_")] if operator == "rnn_layer" else []),
        case.lengths,
        case.mask,
        reverse,
    ]

    def check(actual, expected, continuous=True):
        for a, e in zip(actual, expected, strict=True):
            assert (a.dtype, a.shape) == (e.dtype, e.shape)
        if narrow and not continuous:
            return
        if narrow:  # the kernel rounds what it multiplies at each step, the reference at the end
            for a, e in zip(actual, expected, strict=True):
                if e.numel():
                    scale = max(1.0, e.float().abs().max().item())
                    assert (a.float() - e.float()).abs().max() <= 2**-7 * scale
        else:
            assert_near(actual, expected, case.dtype)

    *expected, kept = by_kernel(operator, *arguments, True)
    *actual, nothing_kept = by_reference(operator, *arguments, True)
    assert (nothing_kept.dtype, nothing_kept.shape) == (kept.dtype, kept.shape)
    check(actual, expected)

    grads = [torch.randn_like(result) for result in expected]
    wanted = [not one_hot] + [True] * len(case.states) + [True, True] + [case.bias] * 2
    wanted += [bool(case.proj_size)] if case.cell == "lstm" else []
    arguments = [*grads, *arguments]
    expected = by_kernel(operator + "_backward", *arguments, expected[0], kept, wanted)
    actual = by_reference(operator + "_backward", *arguments, actual[0], nothing_kept, wanted)
    # A unit of relu about 0 may be on either side of it; test_bfloat16.py bounds the errors.
    check(actual, expected, continuous=case.cell != "rnn_relu")


@pytest.mark.parametrize("cell", CELLS)
def test_reference_on_the_cpu_checks_values_as_the_kernel_does(cell):
    case = Case(cell)
    operator = OPERATORS.get(case.cell, "rnn_layer")
    states, weights = [state[0] for state in case.states], list(case.weights)
    rest = [None] if cell == "lstm" else [cell.removeprefix("rnn_")] * (operator == "rnn_layer")
    index = torch.full((case.T, case.B), case.I)
    for input, lengths in (
        (case.input, case.lengths + 1),
        (case.input, -case.lengths),
        (index, None),
    ):
        messages = []
        for run in (by_kernel, by_reference):
            with pytest.raises((ValueError, IndexError), match="masked_rnn::") as error:
                run(operator, input, *states, *weights, *rest, lengths, None, False, False)
            messages.append(str(error.value).splitlines()[0])
        assert messages[0] == messages[1]
