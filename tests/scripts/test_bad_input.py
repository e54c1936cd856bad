"""Bad input: one clear line, an exit status that is not 0, and nothing half-written."""

import json
import resource
import shutil

import pytest

TRAIN = ("train", "--threads", 1, "--epochs", 1, "--hidden", 4, "--out", "run")


def expect(result, status, message):
    assert (result.status, result.err, result.out) == (status, f"masked-rnn: {message}\n", "")


def names(folder):
    return sorted(path.name for path in folder.iterdir())


GOOD_TSV = b"pos\tit is good\nneg\tit is bad\n"
GOOD_CONLLU = b"1\tGo\t_\tVERB\t_\t_\t_\t_\t_\t_\n\n"

BAD_DATA = [
    ("classify", "none.tsv", None, "none.tsv: cannot be read: No such file or directory"),
    ("classify", "a.tsv", b"", "a.tsv: holds no example, expected at least one"),
    (
        "classify",
        "a.tsv",
        b"pos\tgo\x00od\n",
        "a.tsv:1: holds a NUL byte, expected text, not a binary file",
    ),
    (
        "classify",
        "a.tsv",
        GOOD_TSV + b"neg it is bad\n",
        "a.tsv:3: has 1 column, expected 2: label, tab, text",
    ),
    ("classify", "a.tsv", GOOD_TSV + b"neg\tgar\xe7on\n", "a.tsv:3: invalid UTF-8 at byte 8"),
    (
        "classify",
        "a.csv",
        b'pos,"it is good\n',
        'a.csv:1: a quoted field does not end, expected a closing "',
    ),
    (
        "classify",
        "a.doc",
        GOOD_TSV,
        "a.doc: unknown kind of file, expected .tsv, .csv, .conllu, .conll, .ts or .txt",
    ),
    ("classify", "a.txt", b"it is good\n", "a.txt:1: expected a label, but there is none"),
    ("classify", "a.ts", b"@data\n1,2,x:pos\n", "a.ts:2: 'x' is not a number of single precision"),
    (
        "classify",
        "a.conllu",
        GOOD_CONLLU,
        "a.conllu: expected a label for each sequence, as --task classify needs it, but the file "
        "has one for each word",
    ),
    (
        "label",
        "a.conllu",
        GOOD_CONLLU + b"1\tGo\t_\tVERB\n",
        "a.conllu:3: has 4 columns, expected 10 separated by tabs",
    ),
    (
        "label",
        "a.conllu",
        GOOD_CONLLU + b"x" + GOOD_CONLLU,
        "a.conllu:3: the ID is 'x1', expected a number, a range such as 1-2 or an empty node such "
        "as 1.1",
    ),
    (
        "label",
        "a.conllu",
        b"1\tGo\t_\t_\t_\t_\t_\t_\t_\t_\n\n",
        "a.conllu:1: expected a label, but there is none",
    ),
    (
        "label",
        "a.conll",
        b"Go\tVERB\tmore\n",
        "a.conll:1: has 3 columns, expected 2: token, tab, tag",
    ),
    (
        "label",
        "a.tsv",
        GOOD_TSV,
        "a.tsv: expected a label for each word, as --task label needs it, but the file has one for "
        "each sequence",
    ),
]


@pytest.mark.parametrize(("task", "name", "content", "message"), BAD_DATA)
@pytest.mark.parametrize("role", ["--train", "--dev"])
def test_bad_data(cli, tmp_path, sentences, tagged, role, task, name, content, message):
    if content is not None:
        (tmp_path / name).write_bytes(content)
    before = names(tmp_path)
    files = {"--train": sentences if task == "classify" else tagged, role: name}
    options = [word for item in files.items() for word in item]
    expect(cli(*TRAIN, "--task", task, *options), 1, message)
    assert names(tmp_path) == before


def test_folder_in_place_of_a_file(cli, tmp_path):
    (tmp_path / "a.tsv").mkdir()
    expect(
        cli(*TRAIN, "--task", "classify", "--train", "a.tsv"),
        1,
        "a.tsv: cannot be read: Is a directory",
    )


def test_dev_set_of_another_kind(cli, tmp_path, sentences, series):
    expect(
        cli(*TRAIN, "--task", "classify", "--train", sentences, "--dev", series),
        1,
        f"{series}: expected text, as the model reads it, but the file holds numeric series",
    )
    expect(
        cli(*TRAIN, "--task", "classify", "--train", series, "--dev", sentences),
        1,
        f"{sentences}: expected numeric series, as the model reads them, but the file holds text",
    )
    assert not (tmp_path / "run").exists()


def test_dev_set_without_a_known_label(cli, tmp_path, sentences):
    (tmp_path / "dev.tsv").write_text("good\tfine\nbad\tpoor\n")
    expect(
        cli(*TRAIN, "--task", "classify", "--train", sentences, "--dev", "dev.tsv"),
        1,
        "dev.tsv: the model knows none of its labels, only neg, pos",
    )
    assert not (tmp_path / "run").exists()


def test_series_with_other_dimensions(cli, tmp_path, runs):
    (tmp_path / "a.ts").write_text("@classLabel true up down\n@data\n1,2:up\n")
    expect(
        cli(f"evaluate {runs / 'dense'} a.ts"),
        1,
        "a.ts:3: expected 2 dimensions, as in training, but got 1",
    )


def test_labels_unknown_to_the_model(cli, tmp_path, runs):
    (tmp_path / "a.tsv").write_text("pos\tfine\nneutral\tso so\n")
    expect(
        cli(f"evaluate {runs / 'classifier'} a.tsv"),
        1,
        "a.tsv:2: the model does not know the label `neutral`, only neg, pos",
    )
    (tmp_path / "a.conllu").write_text(
        "# a comment\n1-2\tthedog"
        + "\t_" * 8
        + "\n1\tthe\t_\tDET"
        + "\t_" * 6
        + "\n1.1\tbig"
        + "\t_" * 8
        + "\n2\tdog\t_\tTHING"
        + "\t_" * 6
        + "\n\n"
    )
    expect(
        cli(f"evaluate {runs / 'labeller'} a.conllu"),
        1,
        "a.conllu:5: the model does not know the label `THING`, only ADV, DET, NOUN, VERB",
    )
    (tmp_path / "a.conll").write_text("the\tDET\n\nthe\tDET\ndog\tTHING\n")
    expect(
        cli(f"evaluate {runs / 'labeller'} a.conll"),
        1,
        "a.conll:4: the model does not know the label `THING`, only ADV, DET, NOUN, VERB",
    )


def test_unknown_labels_can_count_as_wrong(cli, tmp_path, runs):
    (tmp_path / "a.conll").write_text("the\tDET\ndog\tNOUN\nbarks\tVERB\nsoundly\tTHING\n")
    result = cli(f"evaluate {runs / 'labeller'} a.conll --unknown-labels", check=True)
    assert result.out.splitlines()[-1] == "accuracy 0.7500"
    (tmp_path / "a.conll").write_text("the\tX\n")
    expect(
        cli(f"evaluate {runs / 'labeller'} a.conll --unknown-labels"),
        1,
        "a.conll: the model knows none of its labels, only ADV, DET, NOUN, VERB",
    )


NO_RUN = "{run}: holds no run: it has no run.json"
BAD_WEIGHTS = "{run}/model.pt: expected the weights of a model, but it is cut off or something else"
BAD_JSON = "{run}/run.json: expected the description of a run, but it is cut off or changed"


def cut(path):
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])


def damage_cases():
    def case(name, damage, message):
        return pytest.param(damage, message, id=name)

    def change(path, key, value):
        content = json.loads(path.read_text())
        content["model"][key] = value
        path.write_text(json.dumps(content))

    return [
        case("no run", lambda run: (run / "run.json").unlink(), NO_RUN),
        case("cut description", lambda run: cut(run / "run.json"), BAD_JSON),
        case("empty description", lambda run: (run / "run.json").write_text(""), BAD_JSON),
        case("foreign description", lambda run: (run / "run.json").write_text("[]"), BAD_JSON),
        case("bad option", lambda run: change(run / "run.json", "cell", "lstn"), BAD_JSON),
        case(
            "no model yet",
            lambda run: (run / "model.pt").unlink(),
            "{run}: holds no model yet: its training has not finished an epoch",
        ),
        case("cut model", lambda run: cut(run / "model.pt"), BAD_WEIGHTS),
        case("empty model", lambda run: (run / "model.pt").write_bytes(b""), BAD_WEIGHTS),
        case("foreign model", lambda run: (run / "model.pt").write_bytes(b"PK" * 500), BAD_WEIGHTS),
        case(
            "another archive",
            lambda run: shutil.copy(run / "checkpoint.pt", run / "model.pt"),
            BAD_WEIGHTS,
        ),
        case(
            "another model",
            lambda run: change(run / "run.json", "hidden_size", 17),
            "{run}/model.pt: expected the weights of this run, but it is another model's",
        ),
        case(
            "no vocabulary",
            lambda run: (run / "vocabulary.txt").unlink(),
            "{run}/vocabulary.txt: cannot be read: No such file or directory",
        ),
        case(
            "another vocabulary",
            lambda run: shutil.copy(run / "vocabulary.txt", run / "labels.txt"),
            "{run}/labels.txt: expected the labels of this run, but it is another model's",
        ),
        case(
            "cut labels",
            lambda run: (run / "labels.txt").write_text("neg"),
            "{run}/labels.txt:1: expected a name, a tab and a count",
        ),
    ]


@pytest.mark.parametrize(("damage", "message"), damage_cases())
def test_damaged_runs(cli, tmp_path, runs, damage, message):
    run = tmp_path / "run"
    shutil.copytree(runs / "classifier", run)
    damage(run)
    expected = message.format(run=run)
    expect(cli(f"predict {run}", stdin="fine\n"), 1, expected)
    expect(cli(f"evaluate {run} {runs / 'sentences.tsv'}"), 1, expected)
    expect(cli(f"export {run} {tmp_path / 'model.pt'}"), 1, expected)
    assert not (tmp_path / "model.pt").exists()


def test_damaged_checkpoints(cli, tmp_path, runs, sentences):
    run = tmp_path / "run"
    shutil.copytree(runs / "classifier", run)
    whole = (run / "checkpoint.pt").read_bytes()
    for content in (
        b"",
        whole[:100],
        whole[: len(whole) // 2],
        whole[:-1],
        b"PK" * 500,
        (run / "model.pt").read_bytes(),
    ):
        (run / "checkpoint.pt").write_bytes(content)
        expect(
            cli(f"train --resume --out {run}"),
            1,
            f"{run}/checkpoint.pt: expected a checkpoint, but it is cut off or something else",
        )
    shutil.copy(runs / "labeller/checkpoint.pt", run)
    expect(
        cli(f"train --resume --out {run}"),
        1,
        f"{run}/checkpoint.pt: expected a checkpoint of this run, but it is another model's",
    )
    (run / "checkpoint.pt").unlink()
    expect(
        cli(f"train --resume --out {run}"),
        1,
        f"{run}/checkpoint.pt: cannot be read: No such file or directory",
    )


def test_run_that_is_none(cli, tmp_path, sentences):
    for name in ("nothing", sentences):
        message = f"{name}: holds no run: it has no run.json"
        expect(cli(f"evaluate {name} {sentences}"), 1, message)
        expect(cli(f"train --resume --out {name}"), 1, message)


def test_folder_that_cannot_be_made(cli, tmp_path, sentences):
    (tmp_path / "file").touch()
    for out, message in (
        ("file", "file: cannot be made: Not a directory"),
        ("file/run", "file/run: cannot be made: Not a directory"),
        ("/proc/run", "/proc/run: cannot be made: No such file or directory"),
    ):
        result = cli(f"train --task classify --train {sentences} --out {out}")
        expect(result, 1, message)


def small_disk():
    resource.setrlimit(resource.RLIMIT_FSIZE, (20_000, 20_000))


def test_full_disk_at_the_start(cli, tmp_path, sentences):
    before = names(tmp_path)
    result = cli(*TRAIN, "--task", "classify", "--train", sentences, preexec_fn=small_disk)
    expect(result, 1, "run/checkpoint.pt: cannot be written: File too large")
    assert names(tmp_path) == before


def test_full_disk_leaves_the_last_checkpoint(cli, tmp_path, runs, sentences):
    run = tmp_path / "run"
    shutil.copytree(runs / "classifier", run)
    before = {path.name: path.read_bytes() for path in run.iterdir()}
    result = cli(
        f"train --task classify --train {sentences} --out {run} --overwrite --threads 1",
        preexec_fn=small_disk,
    )
    assert result.status == 1
    assert names(run) == [], "what a run is replaced by is whole, or nothing"
    for name, content in before.items():
        (run / name).write_bytes(content)
    cli(f"predict {run}", stdin="fine\n", check=True)


def test_full_disk_during_export(cli, tmp_path, runs):
    result = cli(f"export {runs / 'classifier'} model.pt", preexec_fn=small_disk)
    expect(result, 1, "model.pt: cannot be written: File too large")
    assert names(tmp_path) == []


def test_bad_lines_of_standard_input(cli, runs):
    expect(
        cli(f"predict {runs / 'classifier'}", stdin=""),
        1,
        "standard input: holds no example, expected at least one",
    )
    expect(
        cli(f"predict {runs / 'labeller'} --format conllu", stdin="1\tGo\n"),
        1,
        "standard input:1: has 2 columns, expected 10 separated by tabs",
    )
    expect(
        cli(f"predict {runs / 'dense'}", stdin="fine\n"),
        1,
        "standard input: expected numeric series, as the model reads them, but the file holds text",
    )


def test_diverging_training(cli, sentences):
    result = cli(
        f"train --task classify --train {sentences} --optimizer sgd --learning-rate 1e+38 "
        "--clip-norm 0 --out run"
    )
    assert result.status == 1
    assert result.err.startswith("masked-rnn: training diverged: the loss of epoch ")
    assert result.err.endswith("; a smaller learning rate may help\n")
