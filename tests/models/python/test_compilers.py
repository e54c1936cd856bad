"""The layers under torch.jit, torch.compile and torch.export, by running what came out on other
sizes."""

import contextlib
import io

import masked_rnn
import pytest
import torch
from functorch.compile import make_boxed_func
from oracle import assert_near, assert_same_bits, flat, gradients
from torch._dynamo import compiled_autograd
from torch._dynamo.backends.common import aot_autograd
from torch._dynamo.utils import counters
from torch._inductor import metrics
from torch._inductor.utils import fresh_cache

NAMES = ("RNN", "LSTM", "GRU")


@pytest.mark.parametrize("kind", NAMES)
@pytest.mark.parametrize("how", ["script", "trace"])
def test_torchscript_with_other_sizes_than_traced(kind, how):
    class Model(torch.nn.Module):
        def __init__(self):
            super().__init__()
            self.layer = getattr(masked_rnn, kind)(4, 7, 2, bidirectional=True)

        def forward(self, input: torch.Tensor, lengths: torch.Tensor):
            return self.layer(input, lengths=lengths)[0]

    model = Model()
    if how == "script":
        scripted = torch.jit.script(model)
    else:
        scripted = torch.jit.trace(model, (torch.randn(3, 2, 4), torch.tensor([3, 1])))
    saved = io.BytesIO()
    torch.jit.save(scripted, saved)
    saved.seek(0)
    loaded = torch.jit.load(saved)
    for T, lengths in ((8, [0, 8, 3]), (2, [2])):
        input, lengths = torch.randn(T, len(lengths), 4), torch.tensor(lengths)
        assert_same_bits([loaded(input, lengths)], [model(input, lengths)])


def arguments_of(layer, steps, batch):
    """input, hx and lengths of any sizes."""
    shape = (batch, steps) if layer.batch_first else (steps, batch)
    rows = layer.num_layers * (2 if layer.bidirectional else 1)
    h_0 = torch.randn(rows, batch, layer.proj_size or layer.hidden_size)
    hx = (h_0, torch.randn(rows, batch, layer.hidden_size)) if layer.mode == "LSTM" else h_0
    return torch.randn(*shape, 4), hx, torch.randint(steps + 1, (batch,))


@pytest.mark.parametrize(
    ("kind", "options"),
    [(kind, {}) for kind in NAMES]
    + [(kind, {"num_layers": 2, "bidirectional": True, "batch_first": True}) for kind in NAMES]
    + [("LSTM", {"proj_size": 3}), ("RNN", {"nonlinearity": "relu"})],
    ids=str,
)
def test_torchscript_of_a_layer_itself(kind, options):
    layer = getattr(masked_rnn, kind)(4, 7, **options)
    scripted = torch.jit.script(layer)
    traced = torch.jit.trace(layer, arguments_of(layer, 3, 2))
    for steps, batch in ((8, 3), (2, 1), (5, 0), (0, 2)):
        arguments = arguments_of(layer, steps, batch)
        expected = flat(layer(*arguments))
        assert_same_bits(flat(scripted(*arguments)), expected)
        assert_same_bits(flat(traced(*arguments)), expected)
    input, hx, _ = arguments_of(layer, 6, 4)
    mask = torch.rand(input.shape[:2]) > 0.4
    assert_same_bits(flat(scripted(input, None, None, mask)), flat(layer(input, mask=mask)))
    assert_same_bits(flat(scripted(input)), flat(layer(input)))
    assert_same_bits(flat(scripted(input, hx)), flat(layer(input, hx)))
    traced = torch.jit.trace(layer, torch.randn(2, 3, 4))  # no lengths: every step, of any number
    assert_same_bits(flat(traced(input)), flat(layer(input)))


@pytest.mark.parametrize("kind", NAMES)
def test_compiles_once_for_all_lengths(kind):
    """Forward and backward, each for any T and B."""
    layer = getattr(masked_rnn, kind)(4, 7, 2, bidirectional=True, dtype=torch.double)
    graphs = []

    def count(graph, _inputs):
        graphs.append(graph)
        return make_boxed_func(graph.forward)

    compiled = torch.compile(
        layer, fullgraph=True, backend=aot_autograd(fw_compiler=count), dynamic=True
    )
    for T, lengths in ((5, [5, 0, 2]), (5, [1, 1, 5]), (9, [2, 9, 3, 4])):
        input = torch.randn(T, len(lengths), 4, dtype=torch.double, requires_grad=True)
        given = torch.tensor(lengths)
        leaves = [input, *layer.parameters()]
        actual, expected = flat(compiled(input, lengths=given)), flat(layer(input, lengths=given))
        assert_near(actual, expected, torch.double)
        assert_near(gradients(actual, leaves), gradients(expected, leaves), torch.double)
    assert len(graphs) == 2


@pytest.mark.parametrize("kind", NAMES)
@pytest.mark.parametrize("saved_elsewhere", [False, True])
def test_compiled_autograd(kind, saved_elsewhere):
    """One graph for each set of gradients, whatever the sizes; hooks may keep what is saved."""
    torch._dynamo.reset()
    layer = getattr(masked_rnn, kind)(4, 7, 2, bidirectional=True)
    graphs = []

    def count(graph, _inputs):
        graphs.append(graph)
        return graph.forward

    compiler = torch.compile(backend=count, dynamic=True)

    def gradients_of(input, lengths, leaves, how):
        saved = torch.autograd.graph.saved_tensors_hooks(torch.clone, lambda tensor: tensor)
        with saved if saved_elsewhere else contextlib.nullcontext():
            results = flat(layer(input, lengths=lengths))
        loss = sum(result.square().sum() for result in results)
        with how:
            loss.backward(inputs=leaves)
        found = [leaf.grad for leaf in [input, *layer.parameters()]]
        for leaf in [input, *layer.parameters()]:
            leaf.grad = None
        return found

    for T, lengths in ((5, [5, 0, 2]), (5, [1, 1, 5]), (9, [2, 9, 3, 4])):
        input = torch.randn(T, len(lengths), 4, requires_grad=True)
        for leaves in ([input, *layer.parameters()], [input], [layer.weight_hh_l0]):
            arguments = input, torch.tensor(lengths), leaves
            expected = gradients_of(*arguments, contextlib.nullcontext())
            actual = gradients_of(*arguments, compiled_autograd._enable(compiler))
            for a, e in zip(actual, expected, strict=True):
                assert (a is None) == (e is None)
                if a is not None:
                    assert_same_bits([a], [e])
    assert len(graphs) == 3


def test_compiled_autograd_says_what_it_cannot_do():
    layer = masked_rnn.LSTM(4, 7)
    input = torch.randn(5, 3, 4, requires_grad=True)
    (grad,) = torch.autograd.grad(layer(input)[0].sum(), input, create_graph=True)
    with (
        compiled_autograd._enable(torch.compile(backend="eager")),
        pytest.raises(NotImplementedError, match="expected compiled autograd to compute first"),
    ):
        grad.square().sum().backward()


@pytest.mark.parametrize("kind", NAMES)
@pytest.mark.parametrize("bidirectional", [False, True])
def test_a_stack_leaves_nothing_to_generate_code_for(kind, bidirectional):
    """Inductor's search for a compiler of C++ alone takes longer than compiling the stack."""
    layer = getattr(masked_rnn, kind)(4, 7, num_layers=3, bidirectional=bidirectional)
    called = set()

    def look(graph, _inputs):
        called.update(node.target for node in graph.graph.nodes if node.op == "call_function")
        return make_boxed_func(graph.forward)

    compiled = torch.compile(layer, fullgraph=True, backend=aot_autograd(fw_compiler=look))
    input = torch.randn(5, 3, 4, requires_grad=True)
    results = flat(compiled(input, lengths=torch.tensor([5, 0, 2])))
    sum(result.sum() for result in results).backward()
    operators = {target for target in called if isinstance(target, torch._ops.OpOverload)}
    ours = {target for target in operators if target.namespace == "masked_rnn"}
    layer = "bidirectional_layer" if bidirectional else f"{kind.lower()}_layer"
    assert {layer, f"{layer}_backward"} <= {target._opname for target in ours}
    aten = torch.ops.aten
    views = {aten.select.int, aten.split.Tensor, aten.slice.Tensor, aten.view.default}
    assert operators - ours <= views | {aten.detach.default}


@pytest.mark.parametrize("bidirectional", [False, True])
@fresh_cache()
def test_six_layers_compile_to_calls_alone(bidirectional):
    """By Inductor, forward and backward: one graph each, no kernel to compile, as many more calls
    for the last two layers as for the two before, and no more of them for more steps."""
    metrics.reset()

    def calls(layers, steps):
        torch._dynamo.reset()
        counters.clear()
        layer = masked_rnn.LSTM(4, 7, num_layers=layers, bidirectional=bidirectional)
        input, lengths = torch.randn(steps, 3, 4), torch.tensor([steps, 0, 2])
        leaves = [*layer.parameters()]
        compiled = torch.compile(layer, fullgraph=True)
        actual, expected = (flat(call(input, lengths=lengths)) for call in (compiled, layer))
        assert_same_bits(actual, expected)
        assert_same_bits(gradients(actual, leaves), gradients(expected, leaves))
        assert counters["stats"]["unique_graphs"] == 1
        return counters["inductor"]["extern_calls"]

    two, four, six = (calls(layers, 5) for layers in (2, 4, 6))
    assert 0 < six - four == four - two
    assert calls(6, 40) == six
    assert metrics.generated_kernel_count == 0


@pytest.mark.parametrize("kind", NAMES)
def test_exports_for_any_sizes(kind):
    layer = getattr(masked_rnn, kind)(4, 7)
    T, B = torch.export.Dim("T", min=2), torch.export.Dim("B", min=2)
    program = torch.export.export(
        layer,
        (torch.randn(5, 3, 4),),
        {"lengths": torch.tensor([5, 0, 2])},
        dynamic_shapes={"input": {0: T, 1: B}, "lengths": {0: B}},
    )
    input, lengths = torch.randn(9, 2, 4), torch.tensor([3, 9])
    assert_same_bits(
        flat(program.module()(input, lengths=lengths)), flat(layer(input, lengths=lengths))
    )


@pytest.mark.skipif(
    " " in torch.__file__, reason="AOTInductor links nothing where PyTorch's path has a blank"
)
def test_compiles_ahead_of_time_for_any_sizes(tmp_path):
    """The LSTM, and the program in C++ that runs such a package, stand in tests/consumer."""

    class Model(torch.nn.Module):
        def __init__(self):
            super().__init__()
            self.lower = masked_rnn.GRU(4, 7, bidirectional=True)
            self.upper = masked_rnn.RNN(14, 5)

        def forward(self, input: torch.Tensor, lengths: torch.Tensor):
            output, h_n = self.lower(input, lengths=lengths)
            return h_n, *self.upper(output, lengths=lengths)

    model = Model().eval()
    T, B = torch.export.Dim("T", max=100), torch.export.Dim("B", max=100)
    program = torch.export.export(
        model,
        (torch.randn(5, 3, 4), torch.tensor([5, 0, 2])),
        dynamic_shapes=({0: T, 1: B}, {0: B}),
    )
    package = torch._inductor.aoti_compile_and_package(
        program, package_path=str(tmp_path / "model.pt2")
    )
    loaded = torch._inductor.aoti_load_package(package)
    with torch.no_grad():
        for steps, lengths in ((9, [3, 9]), (2, [0, 0, 0, 2])):
            arguments = torch.randn(steps, len(lengths), 4), torch.tensor(lengths)
            assert_same_bits(loaded(*arguments), model(*arguments))
