"""What users of torch.nn's recurrent layers have asked for, by the number of their issue in
pytorch/pytorch: each test shows what torch.nn does where the complaint still stands, and that it
does not hold here. (Times are measured by the benchmark; here the number of autograd nodes stands
for them.)"""

import io

import masked_rnn
import pytest
import torch
from oracle import assert_same_bits
from torch.nn.utils.rnn import pack_padded_sequence, pad_packed_sequence

T, B, I, H = 6, 3, 4, 5  # noqa: E741
LENGTHS = torch.tensor([2, 6, 3])


def packed_run(layer, input, lengths=LENGTHS):
    packed = pack_padded_sequence(input, lengths, enforce_sorted=False)
    return pad_packed_sequence(layer(packed)[0])[0]


def number_of_nodes(output):
    seen, waiting = set(), [output.grad_fn]
    while waiting:
        node = waiting.pop()
        if node is not None and node not in seen:
            seen.add(node)
            waiting.extend(following for following, _ in node.next_functions)
    return len(seen)


def test_issue_517_length_masking():
    with pytest.raises(TypeError, match="lengths"):
        torch.nn.LSTM(I, H)(torch.randn(T, B, I), lengths=LENGTHS)
    layer = masked_rnn.LSTM(I, H)
    input = torch.randn(T, B, I)
    output, _ = layer(input, lengths=LENGTHS)
    for b, length in enumerate(LENGTHS.tolist()):
        alone, _ = layer(input[:length, b])
        assert_same_bits([output[:length, b]], [alone])
        assert (output[length:, b] == 0).all()


def test_issue_149194_packed_backward_grows_with_the_square_of_the_steps():
    def nodes(run, steps):
        input = torch.randn(steps, B, I, requires_grad=True)
        return number_of_nodes(run(input, torch.tensor([steps, 1, 2])))

    theirs, ours = torch.nn.LSTM(I, H), masked_rnn.LSTM(I, H)

    def packed(input, lengths):
        return packed_run(theirs, input, lengths)

    def masked(input, lengths):
        return ours(input, lengths=lengths)[0]

    # Each step is a node there, and each one's backward fills a whole gradient with zeros.
    assert nodes(packed, 40) - nodes(packed, 20) >= 20
    assert nodes(masked, 40) == nodes(masked, 20)


@pytest.mark.parametrize("kind", ["RNN", "LSTM", "GRU"])
def test_issue_15914_all_cells_are_fused(kind):
    ours = getattr(masked_rnn, kind)(I, H)
    few, many = (
        number_of_nodes(ours(torch.randn(steps, B, I), lengths=[steps, 1, 1])[0])
        for steps in (5, 50)
    )
    assert few == many
    if kind != "LSTM":  # the dense LSTM reaches oneDNN
        theirs = getattr(torch.nn, kind)(I, H)
        few, many = (number_of_nodes(theirs(torch.randn(steps, B, I))[0]) for steps in (5, 50))
        assert many > few + 40


def lengths_on_another_device(kind):
    """The meta device stands for all: it is what machines without accelerators have."""
    lengths = LENGTHS.to("meta")
    with pytest.raises((RuntimeError, ValueError, NotImplementedError)):
        pack_padded_sequence(torch.randn(T, B, I, device="meta"), lengths, enforce_sorted=False)
    layer = getattr(masked_rnn, kind)(I, H, device="meta")
    output, _ = layer(torch.randn(T, B, I, device="meta"), lengths=lengths)
    assert output.shape == (T, B, H)


def test_issue_43227_lengths_must_live_on_the_cpu():
    lengths_on_another_device("LSTM")


def test_issue_47637_lengths_must_live_on_the_cpu():
    lengths_on_another_device("GRU")


def test_issue_108246_lengths_must_live_on_the_cpu():
    lengths_on_another_device("RNN")


def empty_rows(kind, lengths, **options):
    input = torch.randn(T, B, I, requires_grad=True)
    with pytest.raises(RuntimeError, match="greater than 0"):
        pack_padded_sequence(input, torch.tensor(lengths), enforce_sorted=False)
    layer = getattr(masked_rnn, kind)(I, H, **options)
    hx = torch.randn(2 if layer.bidirectional else 1, B, H)
    output, states = layer(input, (hx, hx) if kind == "LSTM" else hx, lengths=lengths)
    for b, length in enumerate(lengths):
        assert (output[length:, b] == 0).all()
        if length == 0:
            for state in states if kind == "LSTM" else (states,):
                assert_same_bits([state[:, b]], [hx[:, b]])
    (grad,) = torch.autograd.grad(output.sum(), input)
    assert (grad[:, [length == 0 for length in lengths]] == 0).all()


def test_issue_4582_zero_length_rows():
    empty_rows("LSTM", [2, 0, 6])


def test_issue_11514_zero_length_rows():
    empty_rows("GRU", [0, 0, 6])


def test_issue_80605_zero_length_rows():
    empty_rows("RNN", [0, 0, 0])


def test_issue_149227_zero_length_rows():
    empty_rows("LSTM", [0, 6, 1], bidirectional=True)


class Encoder(torch.nn.Module):
    def __init__(self, kind="LSTM"):
        super().__init__()
        self.layer = getattr(masked_rnn, kind)(I, H, bidirectional=True)

    def forward(self, input: torch.Tensor, lengths: torch.Tensor):
        return self.layer(input, lengths=lengths)[0]


class PackedEncoder(torch.nn.Module):
    def __init__(self):
        super().__init__()
        self.layer = torch.nn.LSTM(I, H, bidirectional=True)

    def forward(self, input, lengths):
        return packed_run(self.layer, input, lengths)


def test_issue_32605_torchscript_with_unsorted_lengths():
    """torch.nn does so too by now."""
    model = Encoder()
    saved = io.BytesIO()
    torch.jit.save(torch.jit.script(model), saved)
    saved.seek(0)
    output = torch.jit.load(saved)(input := torch.randn(T, B, I), LENGTHS)
    for b, length in enumerate(LENGTHS.tolist()):
        assert_same_bits([output[:length, b]], [model.layer(input[:length, b])[0]])


def compiles(kind):
    torch._dynamo.reset()
    with pytest.raises(torch._dynamo.exc.TorchDynamoException):
        torch.compile(PackedEncoder(), fullgraph=True, backend="aot_eager")(
            torch.randn(T, B, I), LENGTHS
        )
    model = Encoder(kind)
    compiled = torch.compile(model, fullgraph=True, backend="aot_eager")
    for lengths in (LENGTHS, torch.tensor([0, 1, 6])):
        input = torch.randn(T, B, I, requires_grad=True)
        actual, expected = compiled(input, lengths), model(input, lengths)
        assert_same_bits([actual], [expected])
        grads = [torch.autograd.grad(x.sum(), input)[0] for x in (actual, expected)]
        assert_same_bits(grads[:1], grads[1:])


def exports(kind):
    arguments = (torch.randn(T, B, I), LENGTHS)
    with pytest.raises(Exception) as refused:
        torch.export.export(PackedEncoder(), arguments)
    assert not isinstance(refused.value, AssertionError)
    model = Encoder(kind)
    program = torch.export.export(model, arguments)
    other = (torch.randn(T, B, I), torch.tensor([6, 0, 1]))
    assert_same_bits([program.module()(*other)], [model(*other)])


def test_issue_112044_packed_breaks_compilers():
    compiles("LSTM")


def test_issue_162375_packed_breaks_exporters():
    exports("LSTM")


def test_issue_158007_packed_breaks_exporters():
    exports("GRU")


def test_issue_185135_compilers_take_the_layer_as_it_is():
    compiles("GRU")


def same_answer_in_every_batch(kind, **options):
    layer = getattr(masked_rnn, kind)(17, 33, **options)
    theirs = getattr(torch.nn, kind)(17, 33, **options)
    theirs.load_state_dict(layer.state_dict())
    sentence = torch.randn(9, 17)
    alone, _ = layer(sentence)
    their_answers = [theirs(sentence)[0]]
    for batch in (2, 5, 16, 33):
        padded = torch.full((23, batch, 17), torch.nan)
        padded[:9] = torch.randn(9, batch, 17)
        padded[:9, batch // 2] = sentence
        output, _ = layer(padded, lengths=[9] * batch)
        assert_same_bits([output[:9, batch // 2]], [alone])
        their_answers.append(theirs(padded[:9])[0][:, batch // 2])
    assert not all(answer.equal(their_answers[0]) for answer in their_answers)


def test_issue_32023_the_batch_changes_the_answer():
    same_answer_in_every_batch("LSTM")


def test_issue_79501_the_batch_changes_the_answer():
    same_answer_in_every_batch("GRU", num_layers=2)


def test_issue_124025_the_batch_changes_the_answer():
    same_answer_in_every_batch("LSTM", bidirectional=True)


def output_is_as_long_as_input(kind):
    lengths = torch.tensor([2, 4, 3])  # nobody needs all six steps
    input = torch.randn(T, B, I)
    assert packed_run(getattr(torch.nn, kind)(I, H), input, lengths).size(0) == 4
    assert getattr(masked_rnn, kind)(I, H)(input, lengths=lengths)[0].size(0) == T


def test_issue_1591_total_length():
    output_is_as_long_as_input("LSTM")


def test_issue_6299_total_length():
    output_is_as_long_as_input("GRU")


def test_issue_2312_total_length():
    output_is_as_long_as_input("RNN")


def second_derivatives(kind):
    """On the CPU torch.nn has them too; its fused kernels, which lack them, are cuDNN's."""
    layer = getattr(masked_rnn, kind)(2, 3, dtype=torch.double)
    input = torch.randn(4, 2, 2, dtype=torch.double, requires_grad=True)

    def run(x, *weights):
        called = dict(zip(layer.state_dict(), weights, strict=True))
        return torch.func.functional_call(layer, called, (x,), {"lengths": [4, 2]})[0]

    assert torch.autograd.gradgradcheck(run, (input, *layer.parameters()))


def test_issue_5261_double_backward():
    second_derivatives("LSTM")


def test_issue_2691_double_backward():
    second_derivatives("GRU")


def test_issue_134901_double_backward():
    second_derivatives("RNN")
