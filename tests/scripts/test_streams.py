"""Standard output as a terminal, a pipe that nobody reads, a full disk, and closed."""

import os
import pty
import re
import signal
import subprocess
from pathlib import Path

import pytest

BROKEN = "masked-rnn: standard output: cannot be written: {}\n"


@pytest.fixture
def small_training(sentences):
    return f"train --task classify --train {sentences} --out run --epochs 2 --hidden 4"


def run(cli, command, stdin="", **more):
    done = subprocess.run(
        [cli.path, *command.split()],
        cwd=cli.folder,
        input=stdin,
        stderr=subprocess.PIPE,
        text=True,
        check=False,
        **more,
    )
    return done.returncode, done.stderr


def test_a_reader_that_goes_away_is_no_matter(cli, runs, small_training):
    def run_without_reader(command, stdin=""):
        reader, writer = os.pipe()
        os.close(reader)
        with os.fdopen(writer, "wb") as out:
            return run(cli, command, stdin, stdout=out)

    assert run_without_reader(f"predict {runs / 'classifier'}", "fine\n") == (-signal.SIGPIPE, "")
    assert run_without_reader(small_training) == (0, "")
    assert (cli.folder / "run/model.pt").exists()


def test_closed_standard_output(cli, runs, small_training):
    def run_closed(command, stdin=""):
        return run(cli, command, stdin, preexec_fn=lambda: os.close(1))

    assert run_closed(f"predict {runs / 'classifier'}", "fine\n") == (
        1,
        BROKEN.format("Bad file descriptor"),
    )
    assert run_closed(small_training) == (0, "")
    cli("predict run", stdin="fine\n", check=True)  # no report went into its files


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="no /dev/full")
def test_full_disk_behind_standard_output(cli, runs, small_training):
    def run_full(command, stdin=""):
        with open("/dev/full", "wb") as full:
            return run(cli, command, stdin, stdout=full)

    full = (1, BROKEN.format("No space left on device"))
    assert run_full(f"predict {runs / 'classifier'}", "fine\n") == full
    assert run_full("--help") == full
    assert run_full("train --help") == full
    assert run_full("--version") == full
    assert run_full(f"evaluate {runs / 'classifier'} {runs / 'sentences.tsv'}") == full
    assert run_full(small_training) == (0, "")


def shown_on_terminal(cli, command):
    ours, theirs = pty.openpty()
    process = subprocess.Popen(
        [cli.path, *command.split()],
        cwd=cli.folder,
        stdin=subprocess.DEVNULL,
        stdout=theirs,
        env={**os.environ, "TERM": "xterm"},
    )
    os.close(theirs)
    shown = b""
    while True:
        try:
            part = os.read(ours, 4096)
        except OSError:  # the other end is closed
            break
        shown += part
    assert process.wait(timeout=60) == 0
    return shown.decode().replace("\r\n", "\n")


def test_a_terminal_shows_a_bar_and_keeps_lines(cli, small_training):
    text = shown_on_terminal(cli, small_training)
    assert re.search(r"\r\x1b\[Kepoch 1/2 +\d+% \[#*-*\]  loss \d\.\d{4}  \d+ tokens/s", text)
    kept = [line.split("\x1b[K")[-1] for line in text.split("\n")]
    assert sum(line.startswith("epoch ") and "train loss" in line for line in kept) == 2
    assert [line for line in kept if "[" in line] == []
