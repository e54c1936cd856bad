"""The command line masked-rnn as its tests run it, and small data sets that it learns at once."""

import os
import signal
import subprocess
from dataclasses import dataclass
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
PLACES = (ROOT / "build/release/bin/masked-rnn", ROOT / ".venv/bin/masked-rnn")

WORDS = ["good", "fine", "great", "bad", "poor", "awful"]
SENTENCES = [(("pos", "neg")[i // 3], f"it is {word}") for i, word in enumerate(WORDS)] * 4
TAGGED = [
    [("the", "DET"), ("dog", "NOUN"), ("barks", "VERB")],
    [("a", "DET"), ("cat", "NOUN"), ("sleeps", "VERB"), ("soundly", "ADV")],
    [("dogs", "NOUN"), ("sleep", "VERB")],
] * 4
SERIES = """@problemName tiny
@univariate false
@dimensions 2
@equalLength false
@classLabel true up down
@data
1,2,3:0,0,0:up
2,3:1,0:up
3,2,1:0,1,0:down
4,2,1,0:0,0,0,0:down
"""


@dataclass
class Result:
    status: int
    out: str
    err: str


def find_cli():
    if os.environ.get("MASKED_RNN_CLI"):
        return os.environ["MASKED_RNN_CLI"]
    for place in PLACES:
        if place.exists():
            return str(place)
    pytest.fail("no masked-rnn: set MASKED_RNN_CLI or run scripts/test.sh")


def words(arguments):
    """The words of lines and of single words: no name here has a blank in it."""
    return " ".join(map(str, arguments)).split()


def default_signals():
    """As in a terminal: who started the tests may ignore some, as nohup and background jobs do."""
    for number in (signal.SIGINT, signal.SIGHUP, signal.SIGTERM):
        signal.signal(number, signal.SIG_DFL)


class CommandLine:
    def __init__(self, folder):
        self.path = find_cli()
        self.folder = folder

    def __call__(self, *arguments, stdin="", check=False, **more):
        """Runs it in the test's folder, with a line or a list of words; `check` expects success."""
        if isinstance(stdin, str):
            more["input"] = stdin.encode()
        else:
            more["stdin"] = stdin
        done = subprocess.run(
            [self.path, *words(arguments)],
            cwd=self.folder,
            stdout=more.pop("stdout", subprocess.PIPE),
            stderr=subprocess.PIPE,
            timeout=120,
            check=False,
            **more,
        )
        result = Result(done.returncode, (done.stdout or b"").decode(), done.stderr.decode())
        if check:
            assert result.status == 0, result
        return result

    def start(self, *arguments, **more):
        return subprocess.Popen(
            [self.path, *words(arguments)],
            cwd=self.folder,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            preexec_fn=default_signals,
            text=True,
            **more,
        )


def _write_tsv(path, rows):
    path.write_text("".join(f"{label}\t{text}\n" for label, text in rows))
    return path


def _write_conllu(path, sentences):
    lines = []
    for words in sentences:
        lines += [f"{i}\t{w}\t_\t{t}" + "\t_" * 6 for i, (w, t) in enumerate(words, 1)] + [""]
    path.write_text("\n".join(lines) + "\n")
    return path


@pytest.fixture
def cli(tmp_path):
    return CommandLine(tmp_path)


@pytest.fixture
def write_conllu():
    return _write_conllu


@pytest.fixture
def sentences(tmp_path):
    return _write_tsv(tmp_path / "sentences.tsv", SENTENCES)


@pytest.fixture
def tagged(tmp_path):
    return _write_conllu(tmp_path / "tagged.conllu", TAGGED)


@pytest.fixture
def series(tmp_path):
    path = tmp_path / "series.ts"
    path.write_text(SERIES)
    return path


@pytest.fixture(scope="session")
def runs(tmp_path_factory):
    """Three small trained runs: `classifier`, `labeller` and `dense`, not to be changed."""
    folder = tmp_path_factory.mktemp("runs")
    cli = CommandLine(folder)
    (folder / "series.ts").write_text(SERIES)
    for name, task, file in (
        ("classifier", "classify", _write_tsv(folder / "sentences.tsv", SENTENCES)),
        ("labeller", "label", _write_conllu(folder / "tagged.conllu", TAGGED)),
        ("dense", "classify", folder / "series.ts"),
    ):
        cli(
            f"train --task {task} --train {file} --dev {file} --out {folder / name} "
            "--epochs 12 --hidden 16 --dropout 0 --learning-rate 0.02 --threads 1",
            check=True,
        )
    return folder
