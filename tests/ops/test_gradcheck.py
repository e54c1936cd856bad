"""First and second derivatives against finite differences, and PyTorch's own operator checks."""

import pytest
import torch
from oracle import CELLS, Case, assert_near, assert_same_bits, grid, name
from torch.utils._python_dispatch import TorchDispatchMode


def small(**options):
    return Case(T=3, B=3, I=2, H=3, **options)


def function(case):
    def run(input, *rest):
        count = len(case.states) if case.given_state else 0
        hx = list(rest[:count])
        return getattr(torch.ops.masked_rnn, case.cell)(
            case.layout(input),
            hx if case.cell == "lstm" else (hx[0] if hx else None),
            list(rest[count:]),
            case.bias,
            case.layers,
            0.0,
            True,
            case.directions == 2,
            case.batch_first,
            lengths=case.lengths,
            mask=None if case.mask is None else case.layout(case.mask),
        )

    return run


@pytest.mark.parametrize(
    "options",
    grid(
        cell=CELLS,
        directions=(1, 2),
        layers=(1, 2, 3),
        bias=(True, False),
        proj_size=(0, 2),
        given_state=(True, False),
        valid=("lengths", "mask"),
    ),
    ids=name,
)
def test_gradcheck(options):
    case = small(**options)
    # The full Jacobian for one layer, a random projection of it for deeper stacks.
    fast = case.layers * case.directions > 1
    assert torch.autograd.gradcheck(function(case), case.leaves(), fast_mode=fast)


@pytest.mark.parametrize(
    "options", grid(cell=CELLS, proj_size=(0, 2), valid=("lengths", "mask")), ids=name
)
def test_gradgradcheck(options):
    case = small(**options)
    assert torch.autograd.gradgradcheck(function(case), case.leaves(), fast_mode=True)


@pytest.mark.parametrize(
    "options", grid(cell=CELLS, proj_size=(0, 2), valid=("lengths", "mask")), ids=name
)
def test_forward_mode(options):
    """Alone, over reverse mode, and reverse mode for a batch of losses."""
    case = small(directions=2, **options)
    run, leaves = function(case), case.leaves()
    assert torch.autograd.gradcheck(
        run, leaves, fast_mode=True, check_forward_ad=True, check_batched_grad=True
    )
    assert torch.autograd.gradgradcheck(
        run,
        leaves,
        fast_mode=True,
        check_fwd_over_rev=True,
        check_rev_over_rev=False,
        check_undefined_grad=False,
    )


@pytest.mark.parametrize("cell", CELLS)
def test_one_tensor_in_two_places(cell):
    """As with tied weights: the gradient is the sum over the places."""
    case = small(cell=cell)
    shared = torch.randn(3, 3, dtype=torch.float64, requires_grad=True)
    gates = {"lstm": 4, "gru": 3}.get(cell, 1)

    def run(shared):
        weight = shared.repeat(gates, 1)
        states = [shared[None]] * len(case.states)
        results = getattr(torch.ops.masked_rnn, cell)(
            shared[:, None].expand(3, 3, 3),
            states if cell == "lstm" else states[0],
            [weight, weight],
            False,
            1,
            0.0,
            True,
            False,
            False,
            lengths=case.lengths,
        )
        return results[0]

    assert torch.autograd.gradcheck(run, [shared])
    assert torch.autograd.gradgradcheck(run, [shared])


def layer_arguments(cell, one_hot=False, **options):
    case = small(cell=cell, **options)
    operator = {"lstm": "lstm_layer", "gru": "gru_layer"}.get(cell, "rnn_layer")
    kind = {"nonlinearity": cell.removeprefix("rnn_")} if operator == "rnn_layer" else {}
    input = torch.randint(0, 2, (3, 3)) if one_hot else case.input.requires_grad_()
    states = [state[0].detach().requires_grad_() for state in case.states]
    mask = {"mask": case.mask} if case.mask is not None else {"lengths": case.lengths}
    weights = list(case.weights)
    if case.proj_size:
        mask["weight_hr"] = weights.pop()
    return operator, (input, *states, *weights), {**kind, **mask}


@pytest.mark.parametrize(
    "options",
    grid(cell=CELLS, proj_size=(0, 2), valid=("lengths", "mask"), one_hot=(False, True)),
    ids=name,
)
def test_opcheck_of_one_layer(options):
    operator, arguments, keywords = layer_arguments(**options)
    torch.library.opcheck(getattr(torch.ops.masked_rnn, operator).default, arguments, keywords)


@pytest.mark.parametrize("options", grid(cell=CELLS, proj_size=(0, 2)), ids=name)
def test_opcheck_of_the_backward(options):
    operator, arguments, keywords = layer_arguments(**options)
    arguments = [argument.detach() for argument in arguments]
    weight_hr = [keywords.pop("weight_hr", None)] if options["cell"] == "lstm" else []
    kind = [keywords["nonlinearity"]] if "nonlinearity" in keywords else []
    forward = getattr(torch.ops.masked_rnn, operator)
    extra = {"weight_hr": weight_hr[0]} if weight_hr and weight_hr[0] is not None else {}
    *results, saved = forward(*arguments, **keywords, **extra, save=True)
    grads = [torch.randn_like(result) for result in results]
    wanted = [True] * (8 if options["cell"] == "lstm" else 6)
    if options["cell"] == "lstm" and not options["proj_size"]:
        wanted[7] = False
    torch.library.opcheck(
        getattr(torch.ops.masked_rnn, operator + "_backward").default,
        (
            *grads,
            *arguments,
            *weight_hr,
            *kind,
            keywords["lengths"],
            None,
            False,
            results[0].detach(),
            saved.detach(),
            wanted,
        ),
    )


@pytest.mark.parametrize("cell", CELLS)
def test_opcheck_of_the_stack(cell):
    case = small(cell=cell, directions=2, layers=2)
    torch.library.opcheck(
        getattr(torch.ops.masked_rnn, cell).default,
        (case.input.requires_grad_(), case.hx, case.weights, True, 2, 0.0, True, True, False),
        {"lengths": case.lengths},
    )


@pytest.mark.parametrize("cell", CELLS)
def test_shapes_do_not_depend_on_lengths(cell):
    operator, arguments, keywords = layer_arguments(cell)
    forward = getattr(torch.ops.masked_rnn, operator)
    arguments = [argument.detach() for argument in arguments]
    shapes = set()
    for lengths in ([3, 3, 3], [0, 0, 0], [1, 0, 2]):
        keywords["lengths"] = torch.tensor(lengths)
        shapes.add(tuple(r.shape for r in forward(*arguments, **keywords, save=True)))
    meta = [argument.to("meta") for argument in arguments]
    keywords["lengths"] = keywords["lengths"].to("meta")
    shapes.add(tuple(r.shape for r in forward(*meta, **keywords, save=True)))
    assert len(shapes) == 1


def test_opcheck_of_the_states():
    ops = torch.ops.masked_rnn
    weight = torch.randn(12, 3, dtype=torch.float64, requires_grad=True)
    torch.library.opcheck(ops.zero_state.default, (weight, 4, 3))
    zeros = ops.zero_state(weight, 4, 3)
    assert zeros.dtype == weight.dtype
    assert zeros.shape == (4, 3)
    assert not zeros.any()
    assert not zeros.requires_grad
    states = [torch.randn(2, 4, 3, dtype=torch.float64, requires_grad=bool(i)) for i in range(3)]
    torch.library.opcheck(ops.join_states.default, (states,))
    assert torch.equal(ops.join_states(states), torch.cat(states))
    assert torch.autograd.gradcheck(
        lambda *given: ops.join_states(list(given)),
        states,
        check_forward_ad=True,
        check_batched_grad=True,
    )
    assert torch.autograd.gradgradcheck(lambda *given: ops.join_states(list(given)).sin(), states)


def both_directions(cell, one_hot=False, **options):
    case = small(cell=cell, directions=2, **options)
    input = torch.randint(0, 2, (3, 3)) if one_hot else case.input.requires_grad_()
    hx = [state[i].detach().requires_grad_() for i in range(2) for state in case.states]
    given = {"mask": case.mask} if case.mask is not None else {"lengths": case.lengths}
    return (cell, input, hx, list(case.weights)), given


BOTH_DIRECTIONS = pytest.mark.parametrize(
    "options",
    grid(cell=CELLS, proj_size=(0, 2), valid=("lengths", "mask"), one_hot=(False, True)),
    ids=name,
)


@BOTH_DIRECTIONS
def test_opcheck_of_both_directions(options):
    arguments, given = both_directions(**options)
    torch.library.opcheck(torch.ops.masked_rnn.bidirectional_layer.default, arguments, given)


@BOTH_DIRECTIONS
def test_opcheck_of_the_backward_of_both_directions(options):
    arguments, given = both_directions(**options)
    lstm = options["cell"] == "lstm"
    with torch.no_grad():
        output, _, c_n, saved = torch.ops.masked_rnn.bidirectional_layer(
            *arguments, **given, save=True
        )
    cell, input, hx, params = arguments
    wanted = [input.is_floating_point(), True, lstm, True, True, True, True, len(params) == 10]
    arguments = (
        *(cell, torch.randn_like(output), None, torch.randn_like(c_n) if lstm else None),
        *(input.detach(), [state.detach() for state in hx], [param.detach() for param in params]),
        *(given.get("lengths"), given.get("mask"), output, saved, wanted, wanted),
    )
    torch.library.opcheck(torch.ops.masked_rnn.bidirectional_layer_backward.default, arguments)


@BOTH_DIRECTIONS
def test_both_directions_are_two_layers(options):
    (cell, input, hx, params), given = both_directions(**options)
    leaves = [tensor for tensor in (input, *hx, *params) if tensor.requires_grad]
    operator = {"lstm": "lstm_layer", "gru": "gru_layer"}.get(cell, "rnn_layer")
    results = []
    for i in range(2):
        own = slice(i * len(params) // 2, (i + 1) * len(params) // 2)
        weights, keywords = params[own], dict(given)
        if len(weights) == 5:
            keywords["weight_hr"] = weights.pop()
        if operator == "rnn_layer":
            keywords["nonlinearity"] = cell.removeprefix("rnn_")
        states = hx[i * len(hx) // 2 : (i + 1) * len(hx) // 2]
        layer = getattr(torch.ops.masked_rnn, operator)
        results.append(layer(input, *states, *weights, reverse=i == 1, **keywords)[:-1])
    expected = [torch.cat([y[0] for y in results], 2)]
    expected += [torch.cat(states) for states in list(zip(*results, strict=True))[1:]]
    actual = torch.ops.masked_rnn.bidirectional_layer(cell, input, hx, params, **given)
    actual = actual[: len(expected)]
    assert_same_bits(actual, expected)
    grads = [torch.randn_like(y) for y in expected]
    for some in (slice(None), slice(0, 1), slice(1, None)):
        pairs = [
            torch.autograd.grad(y[some], leaves, grads[some], retain_graph=True)
            for y in (actual, expected)
        ]
        assert_same_bits(*pairs)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"cell": "elman"}, "expected `cell` to be 'lstm', 'gru', 'rnn_tanh' or 'rnn_relu', but"),
        ({"hx": slice(0, 3)}, "expected `hx` to hold h_0 and c_0 for each direction, but got 3"),
        ({"params": slice(0, 7)}, "expected `params` to hold weight_ih and weight_hh, .* got 7"),
        ({"narrower": True}, "expected `weight_ih` to have the same shape in both directions"),
    ],
    ids=str,
)
def test_errors_of_both_directions(change, message):
    (cell, input, hx, params), given = both_directions("lstm")
    if "narrower" in change:
        hx[2:] = [torch.zeros(3, 2).double()] * 2
        params[4:] = [torch.zeros(8, *w.shape[1:]).double() for w in params[4:]]
        params[5] = torch.zeros(8, 2).double()
    arguments = {"input": input, "hx": hx, "params": params}
    for key in ("hx", "params"):
        arguments[key] = arguments[key][change.get(key, slice(None))]
    with pytest.raises(ValueError, match="masked_rnn::bidirectional_layer: " + message):
        torch.ops.masked_rnn.bidirectional_layer(change.get("cell", cell), **arguments, **given)


class Inspected(TorchDispatchMode):
    def __init__(self):
        super().__init__()
        self.called = []

    def __torch_dispatch__(self, function, types, args=(), kwargs=None):
        self.called.append(function)
        return function(*args, **(kwargs or {}))


@pytest.mark.parametrize("cell", CELLS)
@pytest.mark.parametrize("results", [(0, 1), (0,), (1,)], ids=str)
def test_a_watched_stack_has_the_bits_of_another(cell, results):
    """Gradients, and gradients of gradients, of which some may be absent."""
    case = small(cell=cell, directions=2, layers=2)
    leaves = case.leaves()

    def derivatives():
        y = case.run()
        loss = sum(y[i].square().sum() for i in results)
        first = torch.autograd.grad(loss, leaves, create_graph=True, materialize_grads=True)
        loss = sum(grad.square().sum() for grad in first)
        return first, torch.autograd.grad(loss, leaves, materialize_grads=True)

    expected = derivatives()
    with Inspected() as seen:
        actual = derivatives()
    assert torch.ops.masked_rnn.bidirectional_layer.default in seen.called
    assert_same_bits(actual[0], expected[0])
    assert_near(actual[1], expected[1], torch.float64)


@pytest.mark.parametrize("cell", CELLS)
@pytest.mark.parametrize("options", grid(layers=(1, 2), directions=(1, 2)), ids=name)
def test_a_stack_calls_its_operators_only(cell, options):
    """Each of PyTorch's that it called as well would cost a microsecond or more."""
    case = small(cell=cell, given_state=False, **options)
    leaves = [case.input.requires_grad_(), *case.weights]
    with Inspected() as seen:
        output, *_ = case.run()
        torch.autograd.grad(output, leaves, torch.ones_like(output.detach()))
    theirs = {str(function) for function in seen.called if function.namespace != "masked_rnn"}
    assert theirs <= {"aten.detach.default", "aten.ones_like.default"}


def test_the_checks_above_know_every_operator():
    layers = {f"{cell}_layer" for cell in ("lstm", "gru", "rnn", "bidirectional")}
    names = {
        operator.removeprefix("masked_rnn::")
        for operator in torch._C._dispatch_get_all_op_names()
        if operator.startswith("masked_rnn::")
    }
    backward = {f"{layer}_backward" for layer in layers}
    without_tensors = {"empty_cache"}
    states = {"zero_state", "join_states"}
    assert names - without_tensors == {*CELLS, *layers, *backward, *states}
