"""Compiles a model: compiled.py FOLDER writes model.pt2 (ahead of time, with AOTInductor, which
links nothing where PyTorch's path has a blank: there it is left out), scripted.pt and traced.pt
(TorchScript) and, for compiled.cpp, cases.pt: arguments of other sizes than the exported ones with
what the model makes of them."""

import sys
from pathlib import Path

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


def main(folder):
    torch.manual_seed(1)
    model = Classifier().eval()
    T, B = torch.export.Dim("T", max=1000), torch.export.Dim("B", max=1000)
    example = (torch.randn(9, 4, 4), torch.tensor([9, 2, 5, 1]))
    program = torch.export.export(model, example, dynamic_shapes=({0: T, 1: B}, {0: B}))
    loaded = []
    if " " in torch.__file__:
        print(f"skipped: no model compiled ahead of time, for the blank in {torch.__file__}")
    else:
        package = str(folder / "model.pt2")
        torch._inductor.aoti_compile_and_package(program, package_path=package)
        loaded.append(torch._inductor.aoti_load_package(package))
    torch.jit.script(model).save(folder / "scripted.pt")
    torch.jit.trace(model, example).save(folder / "traced.pt")

    loaded += [torch.jit.load(folder / name) for name in ("scripted.pt", "traced.pt")]
    written = []
    with torch.no_grad():
        for steps, lengths in ((9, [9, 2, 5, 1]), (30, [7, 30, 0]), (3, [0, 2, 3, 3, 1, 0])):
            arguments = (torch.randn(steps, len(lengths), 4), torch.tensor(lengths))
            expected = model(*arguments)
            for compiled in loaded:
                torch.testing.assert_close(tuple(compiled(*arguments)), expected)
            written.append([*arguments, *expected])
    torch.save(written, folder / "cases.pt")


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit("usage: compiled.py FOLDER")
    main(Path(sys.argv[1]))
