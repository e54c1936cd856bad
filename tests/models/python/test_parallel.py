"""One layer used by several threads, and trained by several processes."""

import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor

import masked_rnn
import pytest
import torch
from oracle import assert_near, assert_same_bits

KINDS = ("RNN", "LSTM", "GRU")


def step(layer, input, lengths):
    input = input.detach().requires_grad_()
    output, _ = layer(input, lengths=lengths)
    return [output, *torch.autograd.grad(output.sum(), [input, *layer.parameters()])]


@pytest.mark.parametrize("kind", KINDS)
def test_eight_threads_get_the_bits_of_one(kind):
    layer = getattr(masked_rnn, kind)(24, 40, 2, bidirectional=True)
    batches = [(torch.randn(12, b, 24), torch.randint(0, 13, (b,))) for b in range(1, 9)]
    expected = [step(layer, *batch) for batch in batches]
    with ThreadPoolExecutor(8) as pool:
        for _ in range(5):
            for actual, alone in zip(
                pool.map(lambda batch: step(layer, *batch), batches), expected, strict=True
            ):
                assert_same_bits(actual, alone)


WORKER = """
import os, sys
import masked_rnn, torch
import torch.distributed as dist
from torch.nn.parallel import DistributedDataParallel

torch.set_num_threads(1)
dist.init_process_group("gloo")
rank = dist.get_rank()
for kind, (weights, input, lengths, shares) in torch.load(sys.argv[1]).items():
    layer = getattr(masked_rnn, kind)(4, 7, dtype=torch.double)
    layer.load_state_dict(weights)
    model = DistributedDataParallel(layer)
    for share in shares:
        mine = slice(share[rank], share[rank + 1])
        layer.zero_grad()
        model(input[:, mine], lengths=lengths[mine])[0].pow(2).sum().backward()
        if rank == 0:
            torch.save([p.grad for p in layer.parameters()], f"{sys.argv[1]}.{kind}.{share[1]}")
    del model
dist.barrier()
dist.destroy_process_group()
os._exit(0)  # what threads of the group may still do while Python ends is not tested here
"""


def test_distributed_data_parallel(tmp_path):
    """Two processes, with a share each, with none for the second, and with empty sequences only."""
    shares = [(0, 2, 5), (0, 5, 5), (0, 3, 5)]  # rank r has the sequences [share[r], share[r + 1])
    data, expected = {}, {}
    for kind in KINDS:
        layer = getattr(masked_rnn, kind)(4, 7, dtype=torch.double)
        input, lengths = torch.randn(6, 5, 4, dtype=torch.double), torch.tensor([6, 2, 5, 0, 0])
        data[kind] = (layer.state_dict(), input, lengths, shares)
        layer(input, lengths=lengths)[0].pow(2).sum().backward()
        expected[kind] = [p.grad / 2 for p in layer.parameters()]  # processes average
    file, program = tmp_path / "data", tmp_path / "worker.py"
    torch.save(data, file)
    program.write_text(WORKER)
    torchrun = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node=2"]
    done = subprocess.run(
        [*torchrun, program, file], capture_output=True, text=True, check=False, timeout=120
    )
    assert done.returncode == 0, done.stderr
    for kind in KINDS:
        for _, split, _ in shares:
            assert_near(torch.load(f"{file}.{kind}.{split}"), expected[kind], torch.double)
