"""Compiles a model ahead of time with AOTInductor: compiled.py MODEL.pt2 CASES.pt writes the
package and, for compiled.cpp, arguments of other sizes than the exported ones with what the model
makes of them."""

import sys

import masked_rnn
import torch


class Classifier(torch.nn.Module):
    def __init__(self):
        super().__init__()
        self.layers = masked_rnn.LSTM(4, 8, num_layers=2, bidirectional=True)
        self.scores = torch.nn.Linear(16, 3)

    def forward(self, input: torch.Tensor, lengths: torch.Tensor):
        output, (h_n, _) = self.layers(input, lengths=lengths)
        return self.scores(torch.cat([h_n[-2], h_n[-1]], dim=1)), output


def main(package, cases):
    torch.manual_seed(1)
    model = Classifier().eval()
    T, B = torch.export.Dim("T", max=1000), torch.export.Dim("B", max=1000)
    program = torch.export.export(
        model,
        (torch.randn(9, 4, 4), torch.tensor([9, 2, 5, 1])),
        dynamic_shapes=({0: T, 1: B}, {0: B}),
    )
    torch._inductor.aoti_compile_and_package(program, package_path=package)

    compiled = torch._inductor.aoti_load_package(package)
    written = []
    with torch.no_grad():
        for steps, lengths in ((9, [9, 2, 5, 1]), (30, [7, 30, 0]), (3, [0, 2, 3, 3, 1, 0])):
            arguments = (torch.randn(steps, len(lengths), 4), torch.tensor(lengths))
            expected = model(*arguments)
            torch.testing.assert_close(tuple(compiled(*arguments)), expected)
            written.append([*arguments, *expected])
    torch.save(written, cases)


if __name__ == "__main__":
    if len(sys.argv) != 3:
        sys.exit("usage: compiled.py MODEL.pt2 CASES.pt")
    main(*sys.argv[1:])
