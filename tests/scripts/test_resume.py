"""Training that is interrupted anywhere and resumed ends with the same bits as without."""

import json
import re
import signal
import time

import pytest
import torch

# Enough work that an interruption comes in the middle, with everything that draws random numbers.
SIZE = "--epochs 3 --hidden 48 --batch-tokens 60 --seed 7 --threads 1 --patience 3"
INTERRUPTED = (
    "masked-rnn: interrupted in epoch {}, to go on: masked-rnn train --resume --out part\n"
)


@pytest.fixture
def many(tmp_path, write_conllu):
    words = ["the", "a", "dog", "cat", "barks", "sleeps", "soundly", "over", "and", "red"]
    sentences = [
        [
            (words[(i * j + j) % 10] + str(i * j % 7), "ABC"[(i + j) % 3])
            for j in range(1, 4 + i % 9)
        ]
        for i in range(800)
    ]
    return write_conllu(tmp_path / "many.conllu", sentences)


def training(data, out, more=""):
    model = "--task label --bidirectional --layers 2"
    return f"train {model} --train {data} --dev {data} --out {out} {SIZE} {more}"


def lines_of(run):
    path = run / "metrics.jsonl"
    return path.read_text().splitlines() if path.exists() else []


def assert_same_end(whole, part):
    """Weights to the byte, and all that was measured but the clock."""
    ours, theirs = (torch.load(run / "model.pt") for run in (whole, part))
    assert [name for name, _ in ours] == [name for name, _ in theirs]
    for (name, a), (_, b) in zip(ours, theirs, strict=True):
        assert a.numpy().tobytes() == b.numpy().tobytes(), name
    clock = ("seconds", "tokens_per_second")
    measured = [
        [{k: v for k, v in json.loads(line).items() if k not in clock} for line in lines_of(run)]
        for run in (whole, part)
    ]
    assert measured[0] == measured[1]


def wait_for(condition, process):
    for _ in range(6000):
        if condition():
            return
        assert process.poll() is None, process.communicate()
        time.sleep(0.01)
    pytest.fail("waited in vain")


def interrupt(cli, command, folder, signal_number, epochs):
    """Trains until `epochs` epochs are done and a part of the next, then sends a signal."""
    process = cli.start(command)
    run = folder / "part"
    wait_for(lambda: len(lines_of(run)) >= epochs and (run / "run.json").exists(), process)
    time.sleep(0.05)
    process.send_signal(signal_number)
    out, err = process.communicate(timeout=60)
    return process.returncode, out, err


@pytest.mark.parametrize(
    ("signal_number", "status"), [(signal.SIGINT, 130), (signal.SIGTERM, 143), (signal.SIGHUP, 129)]
)
def test_interrupted_in_an_epoch(cli, tmp_path, many, signal_number, status):
    cli(training(many, "whole"), check=True)
    got, _, err = interrupt(cli, training(many, "part"), tmp_path, signal_number, 1)
    done = len(lines_of(tmp_path / "part"))
    assert 1 <= done < 3
    assert (got, err) == (status, INTERRUPTED.format(done + 1))
    cli("train --resume --out part", check=True)
    assert_same_end(tmp_path / "whole", tmp_path / "part")


@pytest.mark.parametrize("epochs", [0, 2])
def test_killed(cli, tmp_path, many, epochs):
    cli(training(many, "whole"), check=True)
    got, _, err = interrupt(cli, training(many, "part"), tmp_path, signal.SIGKILL, epochs)
    assert (got, err) == (-signal.SIGKILL, "")
    cli("train --resume --out part", check=True)
    assert_same_end(tmp_path / "whole", tmp_path / "part")


def test_interrupted_again_and_again(cli, tmp_path, many):
    cli(training(many, "whole"), check=True)
    command = training(many, "part")
    for _ in range(4):
        process = cli.start(command)
        wait_for(lambda: (tmp_path / "part/run.json").exists(), process)
        time.sleep(0.5)
        process.send_signal(signal.SIGTERM)
        process.communicate(timeout=60)
        command = "train --resume --out part"
    cli(command, check=True)
    assert_same_end(tmp_path / "whole", tmp_path / "part")


@pytest.mark.parametrize("optimizer", ["adamw", "sgd --momentum 0.9", "lbfgs"])
def test_other_optimizers(cli, tmp_path, many, optimizer):
    more = f"--optimizer {optimizer}"
    cli(training(many, "whole", more), check=True)
    interrupt(cli, training(many, "part", more), tmp_path, signal.SIGTERM, 1)
    cli("train --resume --out part", check=True)
    assert_same_end(tmp_path / "whole", tmp_path / "part")


def test_a_folder_is_put_in_order_again(cli, tmp_path, many):
    cli(training(many, "whole"), check=True)
    cli(training(many, "part"), check=True)
    (tmp_path / "part/model.pt").unlink()
    (tmp_path / "part/metrics.jsonl").unlink()
    (tmp_path / "part/.checkpoint.pt.aB3dE6").touch()
    (tmp_path / "part/notes.txt").touch()
    result = cli("train --resume --out part", check=True)
    assert "stopped: all 3 epochs are done\n" in result.out
    names = {path.name for path in (tmp_path / "part").iterdir()}
    assert names == {path.name for path in (tmp_path / "whole").iterdir()} | {"notes.txt"}
    assert_same_end(tmp_path / "whole", tmp_path / "part")


def test_other_options_are_refused(cli, tmp_path, runs):
    for option, value, then in (
        ("--hidden", 17, 16),
        ("--cell", "gru", "lstm"),
        ("--seed", 2, 1),
        ("--learning-rate", 0.5, 0.02),
        ("--threads", 2, 1),
    ):
        result = cli(f"train --resume --out {runs / 'classifier'} {option} {value}")
        assert (result.status, result.err) == (
            2,
            f"masked-rnn: {option} {value} contradicts the run in {runs / 'classifier'}, which has "
            f"{then}: --resume goes on with the run's own options\n",
        )
    result = cli(f"train --resume --out {runs / 'classifier'} --hidden 16", check=True)
    assert "stopped: " in result.out


def test_changed_data_is_refused(cli, tmp_path, sentences):
    cli(f"train --task classify --train {sentences} --hidden 4 --epochs 1 --out run", check=True)
    before = (tmp_path / "run/checkpoint.pt").read_bytes()
    sentences.write_text(sentences.read_text().replace("awful", "aweful"))
    result = cli("train --resume --out run")
    assert result.status == 1
    digits = "[0-9a-f]{16}"
    assert re.fullmatch(
        f"masked-rnn: {sentences}: expected the training set that the run was started with, but "
        f"it has changed: the run had 24 sequences with the fingerprint {digits}, this has 24 with "
        f"{digits}\n",
        result.err,
    )
    assert (tmp_path / "run/checkpoint.pt").read_bytes() == before


def test_a_development_set_cannot_come_later(cli, tmp_path, sentences):
    cli(f"train --task classify --train {sentences} --hidden 4 --epochs 1 --out run", check=True)
    result = cli(f"train --resume --out run --dev {sentences}")
    assert (result.status, result.err) == (
        2,
        "masked-rnn: --dev contradicts the run, which has no development set\n",
    )
