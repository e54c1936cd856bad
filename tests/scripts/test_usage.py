"""The command line itself: help, contradictions, configuration files."""

import pytest

TRAIN = ("train", "--threads", 1, "--epochs", 1, "--hidden", 4, "--out", "run")


def expect_usage(result, message):
    assert (result.status, result.err, result.out) == (2, f"masked-rnn: {message}\n", "")


@pytest.mark.parametrize("command", [(), ("train",), ("evaluate",), ("predict",), ("export",)])
def test_help(cli, command):
    result = cli(*command, "--help", check=True)
    assert "Usage: masked-rnn" in result.out
    assert result.err == ""
    assert all(len(line) <= 120 for line in result.out.splitlines())


def test_help_of_training_shows_groups_and_defaults(cli):
    text = cli("train --help", check=True).out
    for part in (
        "\nData:\n",
        "\nModel:\n",
        "\nTraining:\n",
        "\nRun:\n",
        "--cell rnn|rnn_relu|lstm|gru",
        "Kind of recurrent layer [lstm]",
        "[200 to label, 100 to classify]",
    ):
        assert part in text


def test_what_is_missing(cli, sentences):
    expect_usage(cli(), "expected train, evaluate, predict or export (see masked-rnn --help)")
    expect_usage(cli("train"), "--out is missing: the folder that is to keep the run")
    expect_usage(cli("train --out run"), "--task is missing: classify or label")
    expect_usage(
        cli("train --out run --task label"),
        "--train is missing: the file of the training set",
    )
    expect_usage(cli("evaluate"), "RUN is required (see masked-rnn evaluate --help)")
    expect_usage(cli("evaluate run"), "FILE is required (see masked-rnn evaluate --help)")


@pytest.mark.parametrize("threads", [-1, 1025, 2**31, 10**11])
@pytest.mark.parametrize(
    "command",
    ["train --out run --task label --train", "evaluate run", "predict run"],
)
def test_impossible_numbers_of_threads(cli, sentences, command, threads):
    expect_usage(
        cli(command, sentences, "--threads", threads),
        f"--threads must be from 1 to 1024, or 0 for one per core, but is {threads}",
    )


def test_what_is_unknown(cli):
    expect_usage(
        cli("trian"), "The following argument was not expected: trian (see masked-rnn --help)"
    )
    expect_usage(
        cli("train --hiden 3"),
        "The following arguments were not expected: 3 --hiden (see masked-rnn train --help)",
    )
    expect_usage(
        cli("train --cell lstn"),
        "--cell: lstn not in {rnn,rnn_relu,lstm,gru} (see masked-rnn train --help)",
    )
    expect_usage(
        cli("train --epochs many"),
        "Could not convert: --epochs = many (see masked-rnn train --help)",
    )


CONTRADICTIONS = [
    (
        ("--resume", "--overwrite"),
        "--resume and --overwrite contradict: go on with the run or replace it",
    ),
    (("--task", "label", "--pooling", "max"), "--pooling has no meaning with --task label"),
    (("--cell", "gru", "--proj-size", 2), "--proj-size has no meaning with --cell gru"),
    (("--input", "one_hot", "--embedding", 20), "--embedding has no meaning with --input one_hot"),
    (
        ("--input", "one_hot", "--characters", 20),
        "--characters has no meaning with --input one_hot",
    ),
    (("--momentum", 0.9), "--momentum has no meaning with --optimizer adam"),
    (("--patience", 3), "--patience has no meaning with no --dev"),
    (("--optimizer", "lbfgs", "--dropout", 0.5), "--dropout has no meaning with --optimizer lbfgs"),
    (
        ("--optimizer", "lbfgs", "--clip-norm", 1),
        "--clip-norm has no meaning with --optimizer lbfgs",
    ),
    (
        ("--proj-size", 8),
        "expected proj_size to be less than hidden_size (4), but got 8",
    ),
    (("--dropout", 1), "expected dropout to be at least 0 and less than 1, but got 1"),
    (("--epochs", 0), "expected epochs to be at least 1, but got 0"),
]


@pytest.mark.parametrize(("options", "message"), CONTRADICTIONS)
def test_contradictions(cli, tmp_path, sentences, options, message):
    arguments = [*TRAIN, "--task", "classify", "--train", sentences, *options]
    for option in set(options) & {"--task", "--epochs"}:  # given once only
        at = arguments.index(option)
        del arguments[at : at + 2]
    expect_usage(cli(*arguments), message)
    assert not (tmp_path / "run").exists()


def test_contradictions_with_series(cli, tmp_path, series):
    for option, value in (("--embedding", 20), ("--min-count", 2), ("--input", "one_hot")):
        expect_usage(
            cli(*TRAIN, "--task", "classify", "--train", series, option, value),
            f"{option} has no meaning with numeric series",
        )
    expect_usage(
        cli(*TRAIN, "--task", "label", "--train", series),
        f"--task label needs text, but {series} holds numeric series",
    )
    assert not (tmp_path / "run").exists()


def test_a_run_is_not_overwritten_unasked(cli, tmp_path, sentences):
    train = (*TRAIN, "--task", "classify", "--train", sentences)
    cli(*train, check=True)
    before = (tmp_path / "run/checkpoint.pt").stat()
    result = cli(*train)
    assert (result.status, result.err) == (
        1,
        "masked-rnn: run: holds a run already: --resume goes on with it, --overwrite replaces it\n",
    )
    assert (tmp_path / "run/checkpoint.pt").stat() == before
    cli(*train, "--overwrite", check=True)


def test_options_from_a_file(cli, tmp_path, sentences):
    (tmp_path / "options.toml").write_text(
        f'# how to train\ntask = "classify"\ntrain = "{sentences}"\nhidden = 5\n'
        'cell = "gru"\nbidirectional = true\nlearning-rate = 0.01\nepochs = 1\n'
    )
    result = cli("train --config options.toml --out run --hidden 6", check=True)
    assert "model  gru, two directions, 1 x 6, " in result.out
    (tmp_path / "section.toml").write_text("[train]\nhidden = 7\n")
    result = cli(
        f"train --config section.toml --task classify --train {sentences} --epochs 1 --out run2",
        check=True,
    )
    assert "model  lstm, 1 x 7, " in result.out


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("hiden = 5\n", "a.toml: `hiden` is no option of masked-rnn train"),
        ("config = 'b'\n", "a.toml: `config` is no option of masked-rnn train"),
        ("hidden = 5\nhidden = 6\n", "a.toml: --hidden: At Most 1 required but received 2"),
        ("hidden = many\n", "a.toml: Could not convert: --hidden = many"),
        ("cell = 'lstn'\n", "a.toml: --cell: lstn not in {rnn,rnn_relu,lstm,gru}"),
        ("[model]\nhidden = 5\n", "a.toml: expected no section but [train], but got [model]"),
    ],
)
def test_bad_files_of_options(cli, tmp_path, content, message):
    (tmp_path / "a.toml").write_text(content)
    expect_usage(cli("train --config a.toml --out run"), message)


def test_missing_file_of_options(cli):
    result = cli("train --config a.toml --out run")
    assert (result.status, result.err) == (
        1,
        "masked-rnn: a.toml: cannot be read: No such file or directory\n",
    )
