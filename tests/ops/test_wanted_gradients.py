"""Gradients of some of the arguments only: the same bits, and nothing for the others."""

import itertools

import pytest
import torch
from oracle import CELLS, Case, assert_same_bits, grid, name
from torch.utils._python_dispatch import TorchDispatchMode

OPERATORS = {"lstm": "lstm_layer", "gru": "gru_layer"}


def subsets(count):
    return itertools.product((False, True), repeat=count)


@pytest.mark.parametrize(
    "options", grid(cell=CELLS, proj_size=(0, 7), valid=("lengths", "mask")), ids=name
)
def test_every_subset_of_arguments(options):
    case = Case(T=4, B=3, **options)
    leaves = [leaf.detach() for leaf in case.leaves()]
    states = len(case.states)

    def gradients(requiring):
        input, *rest = (
            leaf.clone().requires_grad_(r) for leaf, r in zip(leaves, requiring, strict=True)
        )
        hx, weights = rest[:states], rest[states:]
        results = getattr(torch.ops.masked_rnn, case.cell)(
            input,
            hx if case.cell == "lstm" else hx[0],
            weights,
            *(True, 1, 0.0, True, False, False),
            lengths=case.lengths,
            mask=case.mask,
        )
        assert all(result.requires_grad == any(requiring) for result in results)
        if any(requiring):
            sum(result.square().sum() for result in results).backward()
        return [leaf.grad for leaf in (input, *rest)]

    everything = gradients([True] * len(leaves))
    for requiring in subsets(len(leaves)):
        for wanted, actual, expected in zip(
            requiring, gradients(requiring), everything, strict=True
        ):
            if wanted:
                assert_same_bits([actual], [expected])
            else:
                assert actual is None


@pytest.mark.parametrize("options", grid(cell=CELLS, valid=("lengths", "mask")), ids=name)
def test_computes_only_what_a_backward_asks_for(options):
    """Of the arguments that require gradients: some are enough for torch.autograd.grad."""
    case = Case(T=4, B=3, **options)
    leaves = [case.input, *case.weights]
    for leaf in leaves:
        leaf.requires_grad_()
    masks = []

    class Watch(TorchDispatchMode):
        def __torch_dispatch__(self, function, types, args=(), kwargs=None):
            if function.name().endswith("_layer_backward"):
                masks.append(list(args[-1]))
            return function(*args, **(kwargs or {}))

    def gradients(wanted):
        output = getattr(torch.ops.masked_rnn, case.cell)(
            case.input,
            [] if case.cell == "lstm" else None,
            case.weights,
            *(True, 1, 0.0, True, False, False),
            lengths=case.lengths,
            mask=case.mask,
        )[0]
        with Watch():
            return torch.autograd.grad(output.square().sum(), wanted)

    everything = gradients(leaves)
    for leaf, expected in zip(leaves, everything, strict=True):
        (actual,) = gradients([leaf])
        assert_same_bits([actual], [expected])
    assert [sum(mask) for mask in masks] == [5, 1, 1, 1, 1, 1]


@pytest.mark.parametrize("options", grid(cell=CELLS, proj_size=(0, 7)), ids=name)
@pytest.mark.parametrize("device", ["cpu", "meta"])
@torch.inference_mode()  # the kernels themselves: autograd would drop what they return too much
def test_the_backward_operator_returns_what_its_mask_asks_for(options, device):
    case = Case(T=4, B=3, **options)
    operator = OPERATORS.get(case.cell, "rnn_layer")
    lstm = case.cell == "lstm"
    weights = [weight.clone() for weight in case.weights]
    projection = [weights.pop()] if case.proj_size else []
    given = [case.input, *[state[0] for state in case.states], *weights, *projection]
    arguments = [
        *given,
        *([None] if lstm and not projection else []),
        *([case.cell.removeprefix("rnn_")] if operator == "rnn_layer" else []),
        case.lengths,
        None,
        False,
    ]

    def on_device(values):
        return [v.to(device) if isinstance(v, torch.Tensor) else v for v in values]

    *results, saved = getattr(torch.ops.masked_rnn, operator)(*arguments, True)
    backward = getattr(torch.ops.masked_rnn, operator + "_backward")
    grads = [torch.randn_like(result) for result in results]
    padding = [False] * (lstm and not projection)

    def run(mask):
        values = [*grads, *arguments, results[0], saved]
        return backward(*on_device(values), [*mask, *padding])

    everything = run([True] * len(given))
    for mask in subsets(len(given)):
        for wanted, actual, expected, argument in itertools.zip_longest(
            [*mask, *padding], run(mask), everything, given
        ):
            if not wanted:
                assert actual.shape == (0,)
            elif device == "cpu":
                assert_same_bits([actual], [expected])
            else:
                assert actual.shape == argument.shape
