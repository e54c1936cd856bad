"""Threads: fewer than asked for, and several callers at once."""

import os
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor

import oracle
import pytest
import torch
from oracle import CELLS, Case, assert_same_bits, grid, name, num_threads

# Of which threads share out hidden units, and of which they compute groups of sequences.
SIZES = {
    "few": {"T": 40, "B": 5, "I": 30, "H": 200, "dtype": torch.float32},
    "many": {"T": 9, "B": 40, "I": 20, "H": 24, "directions": 2, "dtype": torch.float32},
}


def run(case):
    leaves = case.leaves()
    outputs = case.run()
    grads = torch.autograd.grad(sum(x.sum() for x in outputs), leaves)
    return [*[x.detach() for x in outputs], *grads]


def results(cell, sequences):
    return run(Case(cell, **SIZES[sequences]))


CHILD = """
import sys
sys.path[:0] = sys.argv[4:]
import test_threads, torch
torch.set_num_threads(4)
torch.save(test_threads.results(sys.argv[1], sys.argv[2]), sys.argv[3])
"""


@pytest.mark.parametrize("cell", CELLS)
@pytest.mark.parametrize("limit", [1, 2, 3])
@pytest.mark.parametrize("sequences", SIZES)
def test_fewer_threads_than_asked_for(cell, limit, sequences, tmp_path):
    here = [os.path.dirname(__file__), os.path.dirname(oracle.__file__)]
    subprocess.run(
        [sys.executable, "-c", CHILD, cell, sequences, tmp_path / "results", *here],
        env={**os.environ, "OMP_THREAD_LIMIT": str(limit), "OMP_NUM_THREADS": "4"},
        check=True,
        timeout=120,
    )
    assert_same_bits(torch.load(tmp_path / "results"), results(cell, sequences))


@pytest.mark.parametrize(
    "options",
    grid(cell=CELLS, directions=(1, 2), proj_size=(0, 7), dtype=(torch.float32, torch.float64)),
    ids=name,
)
def test_threads_that_are_done_help_others(options):
    """Sequences so long that no other share has as many rows."""
    case = Case(T=700, B=43, I=20, H=40, **options)
    case.lengths = torch.tensor([700] * 3 + [2] * 40)[torch.randperm(43)]
    expected = None
    for threads in (1, 2, 2, 3, 4, 8):
        with num_threads(threads):
            actual = run(case)
        expected = expected or actual
        assert_same_bits(actual, expected)


@pytest.mark.parametrize("cell", CELLS)
@pytest.mark.parametrize("sequences", SIZES)
def test_many_callers_at_once(cell, sequences):
    expected = results(cell, sequences)
    cases = [Case(cell, **SIZES[sequences]) for _ in range(8)]
    with ThreadPoolExecutor(8) as pool:
        for _ in range(3):
            for actual in pool.map(run, cases):
                assert_same_bits(actual, expected)
