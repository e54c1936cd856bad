"""The layers under torch.func: against a loop with ordinary autograd."""

import masked_rnn
import pytest
import torch
from oracle import assert_near, assert_same_bits, flat
from torch.func import (
    functional_call,
    grad,
    hessian,
    jacfwd,
    jacrev,
    jvp,
    stack_module_state,
    vjp,
    vmap,
)

KINDS = ("RNN", "LSTM", "GRU")
T, B, I, H = 6, 4, 3, 5  # noqa: E741
LENGTHS = torch.tensor([T, 0, 2, 5])
MASK = torch.rand(T, B, generator=torch.Generator().manual_seed(0)) > 0.4
MASK[:, 1] = False
VALID = {"lengths": {"lengths": LENGTHS}, "mask": {"mask": MASK}, "all": {}}
PLACES = 3
MANY_LENGTHS = torch.stack([LENGTHS, LENGTHS.flip(0), LENGTHS.roll(1)])
MANY_MASKS = torch.stack([MASK, ~MASK, MASK.flip(0)])


def make(kind, **options):
    torch.manual_seed(0)
    return getattr(masked_rnn, kind)(I, H, 2, bidirectional=True, **options).double()


def input_of(*sizes, seed=1):
    return torch.randn(*sizes, generator=torch.Generator().manual_seed(seed), dtype=torch.double)


def detached(layer):
    return {name: p.detach() for name, p in layer.named_parameters()}


def weighted(results):
    """A scalar in which every element of the results has a weight of its own."""
    return sum((x * torch.linspace(-1, 1, x.numel()).view_as(x)).sum() for x in results)


def loss_of(layer, parameters, input, hx=None, **valid):
    return weighted(flat(functional_call(layer, parameters, (input, hx), valid)))


def plain_grad(loss, leaves, **options):
    """torch.autograd.grad of ``loss(leaves)`` for a dictionary of tensors."""
    leaves = {name: leaf.clone().requires_grad_() for name, leaf in leaves.items()}
    return torch.autograd.grad(loss(leaves), list(leaves.values()), **options)


def stacked(results):
    return [torch.stack(tensors).detach() for tensors in zip(*results, strict=True)]


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("valid", VALID)
def test_grad_has_the_bits_of_autograd(kind, valid):
    layer, input = make(kind), input_of(T, B, I)
    states = [input_of(4, B, H, seed=seed) for seed in (2, 3)]

    def loss(leaves):
        leaves = dict(leaves)
        hx = leaves.pop("h_0"), leaves.pop("c_0")
        hx = hx if kind == "LSTM" else hx[0]
        return loss_of(layer, leaves, leaves.pop("input"), hx, **VALID[valid])

    leaves = {**detached(layer), "input": input, "h_0": states[0], "c_0": states[1]}
    expected = plain_grad(loss, leaves, allow_unused=True, materialize_grads=True)
    actual = grad(loss)(leaves)
    assert_same_bits([actual[name] for name in leaves], expected)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("mapped", ["lengths", "mask", "neither"])
@pytest.mark.parametrize("dim", [0, 2])
def test_vmap_has_the_bits_of_each_batch(kind, mapped, dim):
    layer, inputs = make(kind), input_of(PLACES, T, B, I)
    name, valid = {
        "lengths": ("lengths", MANY_LENGTHS),
        "mask": ("mask", MANY_MASKS),
        "neither": ("lengths", LENGTHS),
    }[mapped]

    def run(x, valid):
        return flat(layer(x, **{name: valid}))

    with torch.no_grad():
        in_dims = (dim, None if mapped == "neither" else 0)
        actual = vmap(run, in_dims, randomness="error")(inputs.movedim(0, dim), valid)
        each = [valid] * PLACES if mapped == "neither" else valid
        assert_same_bits(actual, stacked([run(x, v) for x, v in zip(inputs, each, strict=True)]))


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("mapped", ["lengths", "hx", "parameters"])
def test_vmap_over_something_else_than_the_input(kind, mapped):
    layer, input = make(kind), input_of(T, B, I)
    state = input_of(PLACES, 4, B, H)
    parameters = {n: torch.stack([p, -p, 2 * p]) for n, p in detached(layer).items()}
    arguments = {
        "lengths": (detached(layer), state[0], MANY_LENGTHS),
        "hx": (detached(layer), state, LENGTHS),
        "parameters": (parameters, state[0], LENGTHS),
    }[mapped]
    in_dims = tuple(0 if name == mapped else None for name in ("parameters", "hx", "lengths"))

    def run(parameters, state, lengths):
        hx = (state, 2 * state) if kind == "LSTM" else state
        return flat(functional_call(layer, parameters, (input, hx), {"lengths": lengths}))

    def place(i):
        picked = [
            torch.utils._pytree.tree_map(lambda t: t[i], argument) if dim == 0 else argument
            for argument, dim in zip(arguments, in_dims, strict=True)
        ]
        return run(*picked)

    actual = vmap(run, in_dims)(*arguments)
    assert_same_bits(actual, stacked([place(i) for i in range(PLACES)]))


@pytest.mark.parametrize(
    ("kind", "options"),
    [(kind, {}) for kind in KINDS] + [("GRU", {"bias": False}), ("LSTM", {"proj_size": 2})],
    ids=str,
)
@pytest.mark.parametrize("one_hot", [False, True])
def test_gradients_of_each_sample(kind, options, one_hot):
    """Of parameters that all samples share, each sample being one sequence."""
    layer, inputs = make(kind, **options), input_of(B, T, I)
    if one_hot:
        inputs = inputs.argmax(2)
    parameters = detached(layer)

    def loss(p, x, n):
        return loss_of(layer, p, x.unsqueeze(1), lengths=n.unsqueeze(0))

    actual = vmap(grad(loss), in_dims=(None, 0, 0))(parameters, inputs, LENGTHS)
    expected = [
        plain_grad(lambda p, b=b: loss(p, inputs[b], LENGTHS[b]), parameters) for b in range(B)
    ]
    assert_near([actual[name] for name in parameters], stacked(expected), torch.double)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("valid", ["lengths", "mask"])
def test_gradients_of_an_ensemble(kind, valid):
    """Weights, inputs and lengths are others at each place."""
    layers = [make(kind) for _ in range(PLACES)]
    for i, layer in enumerate(layers):
        with torch.no_grad():
            layer.weight_hh_l0.mul_(1 + i)
    parameters = {name: p.detach() for name, p in stack_module_state(layers)[0].items()}
    inputs = input_of(PLACES, T, B, I)
    places = {"lengths": MANY_LENGTHS, "mask": MANY_MASKS}[valid]

    def loss(leaves, places):
        leaves = dict(leaves)
        return loss_of(layers[0], leaves, leaves.pop("input"), **{valid: places})

    actual = vmap(grad(loss))({**parameters, "input": inputs}, places)
    expected = [
        plain_grad(lambda p, i=i: loss(p, places[i]), {**detached(layer), "input": inputs[i]})
        for i, layer in enumerate(layers)
    ]
    assert_near(list(actual.values()), stacked(expected), torch.double)


@pytest.mark.parametrize("kind", KINDS)
def test_gradient_of_a_mapped_function(kind):
    layer, inputs = make(kind), input_of(2, PLACES, T, B, I)
    leaves = {**detached(layer), "inputs": inputs}

    def loss(leaves, losses):
        leaves = dict(leaves)
        return losses(lambda x: loss_of(layer, leaves, x, lengths=LENGTHS), leaves.pop("inputs"))

    actual = grad(lambda p: loss(p, lambda f, x: vmap(vmap(f))(x).square().sum()))(leaves)
    expected = plain_grad(
        lambda p: loss(p, lambda f, x: sum(f(y).square() for row in x for y in row)), leaves
    )
    assert_near(list(actual.values()), expected, torch.double)


@pytest.mark.parametrize("kind", KINDS)
def test_jacobians_and_directional_derivatives(kind):
    layer, input = make(kind), input_of(T, B, I)

    def run(x):
        return layer(x, lengths=LENGTHS)[0]

    expected = torch.autograd.functional.jacobian(run, input)
    assert_near([jacrev(run)(input).detach()], [expected], torch.double)
    assert_near([jacfwd(run)(input).detach()], [expected], torch.double)
    direction = input_of(T, B, I).flip(0)
    _, tangent = jvp(run, (input,), (direction,))
    assert_near([tangent.detach()], [(expected * direction).sum((3, 4, 5))], torch.double)
    _, pull_back = vjp(run, input)
    (back,) = pull_back(torch.ones(T, B, 2 * H, dtype=torch.double))
    assert_near([back.detach()], [expected.sum((0, 1, 2))], torch.double)


@pytest.mark.parametrize("kind", KINDS)
def test_jacobian_of_parameters(kind):
    layer, input = make(kind), input_of(T, B, I)
    parameters = detached(layer)

    def run(p):
        return functional_call(layer, p, (input,), {"lengths": LENGTHS})[0].sum((1, 2))

    expected = [plain_grad(lambda p, t=t: run(p)[t], parameters) for t in range(T)]
    assert_near(list(jacrev(run)(parameters).values()), stacked(expected), torch.double)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("how", ["rev-rev", "fwd-rev", "rev-fwd"])
def test_hessian(kind, how):
    layer, input = make(kind), input_of(3, 2, I)
    parameters = detached(layer)

    def loss(x):
        return loss_of(layer, parameters, x, lengths=torch.tensor([3, 1]))

    expected = torch.autograd.functional.hessian(loss, input)
    assert expected.abs().max() > 0.01
    transform = {
        "rev-rev": lambda f: jacrev(jacrev(f)),
        "fwd-rev": hessian,
        "rev-fwd": lambda f: jacrev(jacfwd(f)),
    }[how]
    assert_near([transform(loss)(input)], [expected], torch.double)


@pytest.mark.parametrize("kind", KINDS)
def test_higher_derivatives_of_each_batch(kind):
    layer, inputs = make(kind), input_of(PLACES, T, B, I)
    parameters = detached(layer)

    def loss(x):
        return loss_of(layer, parameters, x, lengths=LENGTHS)

    def of_norm(f):
        return grad(lambda x: grad(f)(x).square().sum())

    def norm_of_gradient(f, x):
        return torch.autograd.grad(f(x), x, create_graph=True)[0].square().sum()

    second = stacked(
        [plain_grad(lambda p: norm_of_gradient(loss, p["x"]), {"x": x}) for x in inputs]
    )
    assert_near([vmap(of_norm(loss))(inputs)], second, torch.double)
    third = plain_grad(
        lambda p: norm_of_gradient(lambda x: norm_of_gradient(loss, x), p["x"]), {"x": inputs[0]}
    )
    nested = grad(lambda x: grad(lambda y: grad(loss)(y).square().sum())(x).square().sum())
    assert_near([nested(inputs[0])], third, torch.double)


@pytest.mark.parametrize("kind", KINDS)
def test_ordinary_autograd_goes_through_a_transform(kind):
    """A step of gradient descent inside of another, and what vjp gave, differentiated later."""
    layer, input = make(kind), input_of(T, B, I)

    def loss(p):
        return loss_of(layer, p, input, lengths=LENGTHS)

    def after_a_step(p, gradients):
        return loss({name: p[name] - 0.1 * g for name, g in zip(p, gradients, strict=True)})

    def plainly(p):
        gradients = torch.autograd.grad(loss(p), list(p.values()), create_graph=True)
        return after_a_step(p, gradients)

    parameters = detached(layer)
    expected = plain_grad(plainly, parameters)
    actual = plain_grad(lambda p: after_a_step(p, grad(loss)(p).values()), parameters)
    assert_near(actual, expected, torch.double)

    def gradient(x):
        return grad(lambda y: layer(y, lengths=LENGTHS)[0].square().sum())(x)

    def twice(x):
        first = torch.autograd.grad(
            layer(x, lengths=LENGTHS)[0].square().sum(), x, create_graph=True
        )[0]
        return torch.autograd.grad(first, x, v, create_graph=True)[0]

    v = input.sin().requires_grad_()
    expected = torch.autograd.grad(twice(input.clone().requires_grad_()).square().sum(), v)
    _, pull_back = vjp(gradient, input)
    actual = torch.autograd.grad(pull_back(v)[0].square().sum(), v)
    assert_near(actual, expected, torch.double)


def test_no_grad_around_and_inside_a_transform():
    layer, input = make("LSTM"), input_of(T, B, I)

    def loss(x):
        with torch.no_grad():
            constant = layer(x, lengths=LENGTHS)[0].square()
        return (layer(x, lengths=LENGTHS)[0] * constant).sum()

    leaf = input.clone().requires_grad_()
    expected = torch.autograd.grad(loss(leaf), leaf)
    with torch.no_grad():
        actual = grad(loss)(input)
    assert not actual.requires_grad
    assert_same_bits([actual], expected)


def test_gradients_of_a_batch_of_losses():
    layer, input = make("LSTM"), input_of(T, B, I).requires_grad_()
    leaves = [input, *layer.parameters()]
    output = layer(input, lengths=LENGTHS)[0].sum((1, 2))
    losses = torch.eye(T, dtype=torch.double)

    def of(loss, **options):
        return torch.autograd.grad(output, leaves, loss, retain_graph=True, **options)

    expected = stacked([of(loss) for loss in losses])
    assert_near(of(losses, is_grads_batched=True), expected, torch.double)
    assert_near(vmap(of)(losses), expected, torch.double)


@pytest.mark.parametrize("kind", KINDS)
def test_transforms_compile(kind):
    layer, inputs = make(kind), input_of(PLACES, T, B, I)
    parameters = detached(layer)

    def gradients(inputs, lengths):
        return vmap(grad(lambda x, n: loss_of(layer, parameters, x, lengths=n)))(inputs, lengths)

    compiled = torch.compile(gradients, fullgraph=True, backend="aot_eager")
    assert_near([compiled(inputs, MANY_LENGTHS)], [gradients(inputs, MANY_LENGTHS)], torch.double)
