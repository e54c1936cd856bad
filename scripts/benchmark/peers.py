"""Other programs beside masked_rnn in one process, round by round: Flax (training and inference)
and onnxruntime (inference), each only where it is installed. Prints JSON.

    python peers.py THREADS ROUNDS CELL,... T,B,I,H...
"""

from __future__ import annotations

import importlib.util
import json
import os
import statistics
import sys
import time


def installed(*names):
    return all(importlib.util.find_spec(name) for name in names)


def one_thread_each(threads):
    """Peers take as many threads as there are processors: leave them that many."""
    os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[:threads])


def interleaved(runners, rounds):
    times = {name: [] for name in runners}
    for _ in range(rounds + 2):  # two to warm up and compile
        for name, run in runners.items():
            start = time.perf_counter()
            run()
            times[name].append(time.perf_counter() - start)
    return {name: values[2:] for name, values in times.items()}


class Workload:
    def __init__(self, cell, T, B, I, H):  # noqa: E741
        import torch

        torch.manual_seed(1)
        self.sizes = (T, B, I, H)
        kinds = {"lstm": torch.nn.LSTM, "gru": torch.nn.GRU, "rnn_tanh": torch.nn.RNN}
        self.cell, self.module = cell, kinds[cell](I, H)
        self.input = torch.randn(T, B, I, requires_grad=True)
        self.grad_output = torch.randn(T, B, H)
        self.lengths = torch.randint(max(1, T // 5), T + 1, (B,))
        self.lengths[0] = T

    def ours(self, training):
        import torch

        operator = getattr(torch.ops.masked_rnn, self.cell)
        weights = self.module._flat_weights
        hx = [] if self.cell == "lstm" else None

        def forward():
            rest = (True, 1, 0.0, True, False, False)
            return operator(self.input, hx, weights, *rest, lengths=self.lengths)[0]

        def step():
            if not training:
                with torch.no_grad():
                    return forward()
            wanted = [self.input, *weights]
            return torch.autograd.grad(forward(), wanted, self.grad_output)

        return step

    def flax(self, training):
        import jax
        from flax import nnx

        _, B, I, H = self.sizes  # noqa: E741
        kinds = {"lstm": nnx.OptimizedLSTMCell, "gru": nnx.GRUCell, "rnn_tanh": nnx.SimpleCell}
        layer = nnx.RNN(kinds[self.cell](I, H, rngs=nnx.Rngs(0)), time_major=True)
        carry = layer.cell.initialize_carry((B, I), nnx.Rngs(0))
        graph, weights, rest = nnx.split(layer, nnx.Param, ...)
        input = jax.numpy.asarray(self.input.detach().numpy())
        grad_output = jax.numpy.asarray(self.grad_output.numpy())
        lengths = jax.numpy.asarray(self.lengths.numpy())

        def forward(weights, input):
            merged = nnx.merge(graph, weights, rest)
            return merged(input, initial_carry=carry, seq_lengths=lengths)

        def loss(weights, input):
            return (forward(weights, input) * grad_output).sum()

        run = jax.jit(jax.grad(loss, argnums=(0, 1)) if training else forward)
        return lambda: jax.block_until_ready(run(weights, input))

    def onnxruntime(self, threads):
        import onnx
        import onnxruntime
        from onnx import helper, numpy_helper

        T, B, I, H = self.sizes  # noqa: E741
        operator = {"lstm": "LSTM", "gru": "GRU", "rnn_tanh": "RNN"}[self.cell]
        weights = [weight.detach() for weight in self.module._flat_weights]
        arrays = {"W": weights[0][None], "R": weights[1][None]}
        options = {"linear_before_reset": 1} if self.cell == "gru" else {}
        node = helper.make_node(
            operator,
            ["X", "W", "R", "", "sequence_lens"],
            ["Y"],
            hidden_size=H,
            **options,
        )
        graph = helper.make_graph(
            [node],
            "layer",
            [
                helper.make_tensor_value_info("X", onnx.TensorProto.FLOAT, [T, B, I]),
                helper.make_tensor_value_info("sequence_lens", onnx.TensorProto.INT32, [B]),
            ],
            [helper.make_tensor_value_info("Y", onnx.TensorProto.FLOAT, [T, 1, B, H])],
            [numpy_helper.from_array(a.contiguous().numpy(), name) for name, a in arrays.items()],
        )
        model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)])
        model.ir_version = 9
        settings = onnxruntime.SessionOptions()
        settings.intra_op_num_threads = threads
        # Else its threads would spin on while the others are measured.
        settings.add_session_config_entry("session.force_spinning_stop", "1")
        session = onnxruntime.InferenceSession(
            model.SerializeToString(), settings, providers=["CPUExecutionProvider"]
        )
        feeds = {"X": self.input.detach().numpy(), "sequence_lens": self.lengths.int().numpy()}
        return lambda: session.run(None, feeds)


def entries(threads, rounds, cells, shapes):
    for cell in cells:
        for shape in shapes:
            workload = Workload(cell, *shape)
            peers = []
            if installed("flax"):
                peers += [("flax", mode, workload.flax(mode == "training")) for mode in MODES]
            if installed("onnx", "onnxruntime"):
                peers.append(("onnxruntime", "inference", workload.onnxruntime(threads)))
            for name, mode, run in peers:
                ours = workload.ours(mode == "training")
                times = interleaved({"ours": ours, name: run}, rounds)
                ratios = [b / a for a, b in zip(times["ours"], times[name], strict=True)]
                yield {
                    "cell": cell,
                    "shape": ",".join(map(str, shape)),
                    "threads": threads,
                    "mode": mode,
                    "peer": name,
                    "seconds": statistics.median(times[name]),
                    "ours_seconds": statistics.median(times["ours"]),
                    "times_ours": statistics.median(ratios),
                }


MODES = ("training", "inference")


def main(threads, rounds, cells, *shapes):
    one_thread_each(int(threads))
    import masked_rnn  # noqa: F401  registers the operators
    import torch

    torch.set_num_threads(int(threads))
    sizes = [tuple(map(int, shape.split(","))) for shape in shapes]
    json.dump(list(entries(int(threads), int(rounds), cells.split(","), sizes)), sys.stdout)


if __name__ == "__main__":
    main(*sys.argv[1:])
