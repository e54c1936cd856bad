"""The layers under torch.func: against a loop with ordinary autograd."""

import masked_rnn
import pytest
import torch
from oracle import assert_near, assert_same_bits, flat
from torch.func import functional_call, grad, jacrev, jvp, vjp, vmap

KINDS = ("RNN", "LSTM", "GRU")
T, B, I, H = 6, 4, 3, 5  # noqa: E741
LENGTHS = torch.tensor([T, 0, 2, 5])
MASK = torch.rand(T, B, generator=torch.Generator().manual_seed(0)) > 0.4


def make(kind, **options):
    torch.manual_seed(0)
    return getattr(masked_rnn, kind)(I, H, 2, bidirectional=True, **options).double()


def loss_of(layer, parameters, input, **valid):
    output, states = functional_call(layer, parameters, (input,), valid)
    return sum(
        (x * torch.linspace(-1, 1, x.numel()).view_as(x)).sum() for x in flat((output, states))
    )


def input_of(*sizes):
    return torch.randn(*sizes, generator=torch.Generator().manual_seed(1), dtype=torch.double)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("valid", [{"lengths": LENGTHS}, {"mask": MASK}, {}], ids=["l", "m", "all"])
def test_grad(kind, valid):
    layer, input = make(kind), input_of(T, B, I)
    parameters = dict(layer.named_parameters())
    expected = torch.autograd.grad(
        loss_of(layer, parameters, input, **valid), list(parameters.values())
    )
    detached = {name: p.detach() for name, p in parameters.items()}
    actual = grad(lambda p: loss_of(layer, p, input, **valid))(detached)
    assert_near([actual[name] for name in parameters], expected, torch.double)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("batched", ["lengths", "mask", "neither"])
def test_vmap_over_batches(kind, batched):
    layer, inputs = make(kind), input_of(3, T, B, I)
    lengths = torch.stack([LENGTHS, LENGTHS.flip(0), LENGTHS.roll(1)])
    masks = torch.stack([MASK, ~MASK, MASK.flip(0)])
    with torch.no_grad():
        if batched == "lengths":
            actual = vmap(lambda x, n: layer(x, lengths=n))(inputs, lengths)
            expected = [layer(x, lengths=n) for x, n in zip(inputs, lengths, strict=True)]
        elif batched == "mask":
            actual = vmap(lambda x, m: layer(x, mask=m))(inputs, masks)
            expected = [layer(x, mask=m) for x, m in zip(inputs, masks, strict=True)]
        else:
            actual = vmap(lambda x: layer(x, lengths=LENGTHS))(inputs)
            expected = [layer(x, lengths=LENGTHS) for x in inputs]
    expected = [torch.stack(tensors) for tensors in zip(*map(flat, expected), strict=True)]
    assert_near(flat(actual), expected, torch.double)


@pytest.mark.parametrize("kind", KINDS)
def test_gradients_of_each_sample(kind):
    layer, inputs = make(kind), input_of(B, T, I)
    parameters = {name: p.detach() for name, p in layer.named_parameters()}

    def loss(p, x, n):
        return loss_of(layer, p, x.unsqueeze(1), lengths=n.unsqueeze(0))

    actual = vmap(grad(loss), in_dims=(None, 0, 0))(parameters, inputs, LENGTHS)
    for b in range(B):
        leaves = {name: p.clone().requires_grad_() for name, p in parameters.items()}
        expected = torch.autograd.grad(loss(leaves, inputs[b], LENGTHS[b]), list(leaves.values()))
        assert_near([actual[name][b] for name in leaves], expected, torch.double)


@pytest.mark.parametrize("kind", KINDS)
def test_vmap_over_an_ensemble_of_weights(kind):
    layers, input = [make(kind, dropout=0.0) for _ in range(3)], input_of(T, B, I)
    for i, layer in enumerate(layers):
        with torch.no_grad():
            layer.weight_hh_l0.mul_(1 + i)
    parameters, _ = torch.func.stack_module_state(layers)
    parameters = {name: p.detach() for name, p in parameters.items()}
    actual = vmap(lambda p: functional_call(layers[0], p, (input,), {"lengths": LENGTHS}))(
        parameters
    )
    expected = [flat(layer(input, lengths=LENGTHS)) for layer in layers]
    stacked = [torch.stack(tensors).detach() for tensors in zip(*expected, strict=True)]
    assert_near(flat(actual), stacked, torch.double)


@pytest.mark.parametrize("kind", KINDS)
def test_jacobians_and_directional_derivatives(kind):
    layer, input = make(kind), input_of(T, B, I)

    def run(x):
        return layer(x, lengths=LENGTHS)[0]

    expected = torch.autograd.functional.jacobian(run, input)
    assert_near([jacrev(run)(input).detach()], [expected], torch.double)
    direction = input_of(T, B, I).flip(0)
    _, tangent = jvp(run, (input,), (direction,))
    assert_near([tangent.detach()], [(expected * direction).sum((3, 4, 5))], torch.double)
    _, pull_back = vjp(run, input)
    (back,) = pull_back(torch.ones(T, B, 2 * H, dtype=torch.double))
    assert_near([back.detach()], [expected.sum((0, 1, 2))], torch.double)


@pytest.mark.parametrize("kind", KINDS)
def test_second_derivatives(kind):
    layer, input = make(kind), input_of(T, B, I)
    parameters = {name: p.detach() for name, p in layer.named_parameters()}

    def of_input(x):
        return grad(lambda y: loss_of(layer, parameters, y, lengths=LENGTHS))(x).square().sum()

    leaf = input.clone().requires_grad_()
    first = torch.autograd.grad(
        loss_of(layer, parameters, leaf, lengths=LENGTHS), leaf, create_graph=True
    )[0]
    (expected,) = torch.autograd.grad(first.square().sum(), leaf)
    assert_near([grad(of_input)(input)], [expected], torch.double)


def test_after_a_transform_the_kernels_run_again():
    layer, input = make("LSTM"), input_of(T, B, I)
    with torch.no_grad():
        expected = layer(input, lengths=LENGTHS)
        grad(lambda x: layer(x, lengths=LENGTHS)[0].sum())(input)
        assert_same_bits(flat(layer(input, lengths=LENGTHS)), flat(expected))


def test_gradients_of_a_batch_of_losses():
    layer, input = make("LSTM"), input_of(T, B, I).requires_grad_()
    output = layer(input, lengths=LENGTHS)[0].sum((1, 2))
    losses = torch.eye(T, dtype=torch.double)
    expected = [torch.autograd.grad(output, input, g, retain_graph=True)[0] for g in losses]
    (actual,) = torch.autograd.grad(output, input, losses, is_grads_batched=True, retain_graph=True)
    assert_near([actual], [torch.stack(expected)], torch.double)
    with pytest.raises(NotImplementedError, match=r"use torch\.func\.vjp or jacrev inside"):
        vmap(lambda g: torch.autograd.grad(output, input, g, retain_graph=True))(losses)
