"""Errors of the layers under torch.func: what they say, and that the transforms go on working."""

import masked_rnn
import pytest
import torch
from oracle import assert_same_bits
from torch.func import grad, jacfwd, jacrev, jvp, vjp, vmap

KINDS = ("RNN", "LSTM", "GRU")
T, B, I, H = 6, 4, 3, 5  # noqa: E741
LENGTHS = torch.tensor([T, 0, 2, 5])
PLACES = 3
MANY_LENGTHS = torch.stack([LENGTHS, LENGTHS.flip(0), LENGTHS.roll(1)])


def make(kind, **options):
    torch.manual_seed(0)
    return getattr(masked_rnn, kind)(I, H, 2, bidirectional=True, **options).double()


def input_of(*sizes):
    return torch.randn(*sizes, generator=torch.Generator().manual_seed(1), dtype=torch.double)


def states_of(kind, state):
    return (state, state) if kind == "LSTM" else state


def refused(function, *arguments):
    with pytest.raises(Exception, match="expected ") as error:
        function(*arguments)
    return str(error.value).splitlines()[0]


@pytest.mark.parametrize("kind", KINDS)
def test_an_error_leaves_the_transforms_as_they_were(kind):
    """Raised by checks, by kernels and in the backward, at each place where transforms nest."""
    layer, inputs = make(kind), input_of(PLACES, T, B, I)
    one_hot = torch.full((T, B), I)
    operator = getattr(torch.ops.masked_rnn, f"{kind.lower()}_layer")
    backward = getattr(torch.ops.masked_rnn, f"{kind.lower()}_layer_backward")
    states = [torch.zeros(B, H, dtype=torch.double)] * (2 if kind == "LSTM" else 1)
    weights = [weight.detach() for weight in list(layer.parameters())[:4]]

    def too_long(x):
        return layer(x, lengths=LENGTHS + 1)[0].sum()

    def too_narrow(x):
        return layer(x[..., 1:], lengths=LENGTHS)[0].sum()

    def index(x):
        state = x.sum() + torch.zeros(4, B, H, dtype=torch.double)
        return layer(one_hot, states_of(kind, state))[0].sum()

    def short_output(x):
        *results, saved = operator(x, *states, *weights, lengths=LENGTHS, save=True)
        rest = [None] if kind == "LSTM" else ["tanh"] if kind == "RNN" else []
        wanted = [True] * 7 + [False] if kind == "LSTM" else [True] * 6
        return backward(
            *results,
            *(x, *states, *weights, *rest, LENGTHS, None, False),
            *(results[0][1:], saved, wanted),
        )[0].sum()

    def works():
        plain = inputs[0].clone().requires_grad_()

        def loss(x):
            return layer(x, lengths=LENGTHS)[0].square().sum()

        (expected,) = torch.autograd.grad(loss(plain), plain)
        assert_same_bits([grad(loss)(inputs[0])], [expected])
        assert_same_bits([vmap(grad(loss))(inputs)[0]], [expected])
        with torch.no_grad():
            assert not layer(plain, lengths=LENGTHS)[0].requires_grad

    for wrong in (too_long, too_narrow, index, short_output):
        for x, run in (
            (inputs[0], grad(wrong)),
            (inputs, vmap(wrong)),
            (inputs, vmap(grad(wrong))),
            (inputs, grad(lambda x, f=wrong: vmap(f)(x).sum())),
            (inputs[0], grad(lambda x, f=wrong: grad(f)(x).sum())),
            (inputs[0], jacrev(wrong)),
        ):
            assert "masked_rnn::" in refused(run, x)
            assert not torch._C._functorch.get_dynamic_layer_stack_depth()
            works()


def test_an_error_inside_of_a_transform_can_be_caught_there():
    layer, input = make("GRU"), input_of(T, B, I)

    def loss(x):
        refused(lambda: layer(x, lengths=LENGTHS + 1))
        return layer(x, lengths=LENGTHS)[0].square().sum()

    leaf = input.clone().requires_grad_()
    expected = torch.autograd.grad(loss(leaf), leaf)
    assert_same_bits([grad(loss)(input)], expected)
    assert_same_bits([vmap(grad(loss))(input[None])[0]], expected)


@pytest.mark.parametrize("kind", KINDS)
def test_forward_mode_checks_values_too(kind):
    layer, input = make(kind), input_of(T, B, I)
    state = torch.zeros(4, B, H, dtype=torch.double)
    one_hot = torch.full((T, B), I)

    def too_long(x):
        return layer(x, lengths=LENGTHS + 1)[0]

    def index(state):
        return layer(one_hot, states_of(kind, state))[0]

    def short(x):  # the operator of one layer takes integers as they are
        states = [torch.zeros(B, H, dtype=torch.double)] * (2 if kind == "LSTM" else 1)
        weights = [weight.detach() for weight in list(layer.parameters())[:4]]
        operator = getattr(torch.ops.masked_rnn, f"{kind.lower()}_layer")
        return operator(x, *states, *weights, lengths=(LENGTHS - 1).short())[0]

    for wrong, x in ((too_long, input), (index, state), (short, input)):
        expected = refused(wrong, x)
        for run in (
            lambda x, f=wrong: jvp(f, (x,), (x,)),
            jacfwd(wrong),
            jacrev(jacfwd(wrong)),
        ):
            assert refused(run, x) == expected
    n = torch.full((B,), T)  # as an argument of a transform, and where nothing is wrong
    jvp(lambda x: grad(lambda y, m: layer(y, lengths=m)[0].sum())(x, n), (input,), (input,))
    with pytest.raises(ValueError, match=r"expected `lengths` to be in 0\.\.6"):
        grad(lambda y, m: jvp(lambda x: layer(x, lengths=m)[0].sum(), (y,), (y,))[1])(input, n + 1)


def test_errors_name_the_argument_as_without_a_transform():
    layer, input = make("LSTM"), input_of(T, B, I)
    for lengths in (MANY_LENGTHS[:, :2], MANY_LENGTHS.double(), MANY_LENGTHS + 2):
        with pytest.raises((ValueError, TypeError)) as expected:
            layer(input, lengths=lengths[0])
        with pytest.raises(expected.type) as actual:
            vmap(lambda n: layer(input, lengths=n))(lengths)
        assert str(actual.value).splitlines()[0] == str(expected.value).splitlines()[0]


def test_forward_mode_that_begins_after_the_layer_is_refused():
    layer, input = make("GRU"), input_of(T, B, I)
    output, pull_back = vjp(lambda x: layer(x, lengths=LENGTHS)[0], input)
    with pytest.raises(NotImplementedError) as error:
        jvp(pull_back, (output,), (output,))
    assert str(error.value).splitlines()[0] == (
        "masked_rnn::gru_layer_backward: expected forward-mode differentiation to begin before the "
        "layer runs, but it began between the layer and its backward: call the layer inside of "
        "torch.func.jvp"
    )


def test_a_tensor_that_left_its_vmap_is_refused():
    layer, kept = make("GRU"), []
    vmap(lambda x: kept.append(x) or x)(input_of(PLACES, T, B, I))
    with pytest.raises((ValueError, RuntimeError), match=r"vmap"):
        layer(kept[0], lengths=LENGTHS)
