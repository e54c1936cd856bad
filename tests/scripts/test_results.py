"""What train, evaluate, predict and export give."""

import itertools
import json
import os
import re

import pytest

RUN_FILES = ["checkpoint.pt", "labels.txt", "metrics.jsonl", "model.pt", "run.json"]


def test_training_writes_a_run_and_plain_lines(cli, tmp_path, sentences):
    result = cli(
        f"train --task classify --train {sentences} --dev {sentences} --out run --epochs 2 "
        "--hidden 4",
        check=True,
    )
    lines = result.out.splitlines()
    assert lines[0] == f"train  {sentences}  24 sequences"
    assert lines[1] == f"dev    {sentences}  24 sequences"
    assert re.fullmatch(
        r"model  lstm, 1 x 4, \d+ weights, 12 words, 2 labels, \d+ threads", lines[2]
    )
    for number, line in enumerate(lines[3:5], 1):
        assert re.fullmatch(
            rf"epoch {number}/2  train loss \d\.\d{{4}}  dev loss \d\.\d{{4}}  dev accuracy "
            r"\d\.\d{4}  \d+ tokens/s  \d+\.\d s(  best)?",
            line,
        )
    assert lines[5] == "stopped: all 2 epochs are done"
    assert re.fullmatch(r"model of epoch [12] in run, dev accuracy \d.*", lines[6])
    assert "\r" not in result.out
    assert result.err == ""
    assert sorted(os.listdir(tmp_path / "run")) == sorted([*RUN_FILES, "vocabulary.txt"])
    metrics = [json.loads(line) for line in (tmp_path / "run/metrics.jsonl").open()]
    assert [m["epoch"] for m in metrics] == [1, 2]
    assert list(metrics[0]) == [
        "epoch",
        "train_loss",
        "dev_loss",
        "dev_accuracy",
        "tokens_per_second",
        "seconds",
    ]


def test_the_best_epoch_is_kept(cli, tmp_path, sentences):
    cli(
        f"train --task classify --train {sentences} --dev {sentences} --out run --epochs 8 "
        "--hidden 8 --learning-rate 0.3",
        check=True,
    )
    metrics = [json.loads(line) for line in (tmp_path / "run/metrics.jsonl").open()]
    best = max(metrics, key=lambda m: (m["dev_accuracy"], -m["dev_loss"]))
    lines = cli(f"evaluate run {sentences}", check=True).out.splitlines()
    assert lines[-1] == f"accuracy {best['dev_accuracy']:.4f}"
    assert lines[-2] == f"loss {best['dev_loss']:.4f}"


def test_the_seed_decides_everything(cli, tmp_path, sentences):
    def weights(seed, out):
        cli(
            f"train --task classify --train {sentences} --out {out} --epochs 2 --hidden 8 "
            f"--seed {seed}",
            check=True,
        )
        return (tmp_path / out / "model.pt").read_bytes()

    assert weights(1, "a") == weights(1, "b")
    assert weights(1, "c") != weights(2, "d")


def test_training_stops_by_each_rule(cli, sentences):
    def reason(*options):
        result = cli(
            f"train --task classify --train {sentences} --out run --overwrite --hidden 8 "
            "--dropout 0",
            *options,
            check=True,
        )
        return result.out.splitlines()[-2]

    assert reason("--epochs", 2) == "stopped: all 2 epochs are done"
    assert reason("--min-loss", 100) == "stopped: the training loss is at most 100"
    assert (
        reason("--dev", sentences, "--patience", 1, "--learning-rate", 0.5, "--epochs", 500)
        == "stopped: nothing better on the development set in 1 epochs"
    )


def test_lbfgs_lowers_the_loss_with_every_step(cli, tmp_path, sentences):
    result = cli(
        f"train --task classify --train {sentences} --out run --optimizer lbfgs --hidden 8 "
        "--epochs 400",
        check=True,
    )
    losses = [json.loads(line)["train_loss"] for line in (tmp_path / "run/metrics.jsonl").open()]
    assert all(b < a for a, b in itertools.pairwise(losses))
    assert losses[-1] < 1e-3
    reasons = (
        "L-BFGS found no step that lowers the loss|the training loss is 0|all 400 epochs are done"
    )
    assert re.search(rf"stopped: ({reasons})\n", result.out)
    # What was taken back is not kept: the loss of the weights is the last one that was lowered.
    assert f"loss {losses[-1]:.4f}" in cli(f"evaluate run {sentences}", check=True).out


@pytest.mark.parametrize("cell", ["rnn", "rnn_relu", "lstm", "gru"])
@pytest.mark.parametrize("options", ["", "--input one_hot", "--characters 4", "--dtype float64"])
def test_every_model_learns(cli, sentences, cell, options):
    cli(
        f"train --task classify --cell {cell} --train {sentences} --out run --hidden 16 "
        f"--dropout 0 --learning-rate 0.02 --batch-tokens 50 {options}",
        check=True,
    )
    assert cli(f"evaluate run {sentences}", check=True).out.splitlines()[-1] == "accuracy 1.0000"


def test_evaluation_ends_in_accuracy(cli, runs):
    for run, file, count in (
        ("classifier", "sentences.tsv", 24),
        ("labeller", "tagged.conllu", 36),
        ("dense", "series.ts", 4),
    ):
        lines = cli(f"evaluate {runs / run} {runs / file}", check=True).out.splitlines()
        assert lines[1] == f"labels {count}"
        assert lines[-1] == "accuracy 1.0000"


def test_predicting_sequences(cli, tmp_path, runs):
    result = cli(f"predict {runs / 'classifier'}", stdin="it is fine\nit is awful\n", check=True)
    assert re.fullmatch(
        r"pos\t(0\.[5-9]\d{3}|1\.0000)\tit is fine\nneg\t(0\.[5-9]\d{3}|1\.0000)\tit is awful\n",
        result.out,
    )
    (tmp_path / "a.txt").write_text("it is awful\n")
    (tmp_path / "b.csv").write_text('pos,"it is fine"\n')
    files = cli(f"predict {runs / 'classifier'} b.csv a.txt", check=True)
    assert files.out == result.out
    (tmp_path / "c.csv").write_text('pos,"it is\nfine"\n')
    lines = cli(f"predict {runs / 'classifier'} c.csv", check=True).out.splitlines()
    assert [line.split("\t")[2] for line in lines] == ["it is fine"]
    series = cli(f"predict {runs / 'dense'} {runs / 'series.ts'}", check=True)
    assert [line.split("\t")[0] for line in series.out.splitlines()] == ["up", "up", "down", "down"]
    assert all(len(line.split("\t")) == 2 for line in series.out.splitlines())


def test_predicting_words_of_text(cli, runs):
    result = cli(f"predict {runs / 'labeller'}", stdin="the dog barks\ndogs sleep\n", check=True)

    def sentence(text, tags):
        words = [
            f"{i}\t{w}\t_\t{t}" + "\t_" * 6
            for i, (w, t) in enumerate(zip(text.split(), tags, strict=True), 1)
        ]
        return "\n".join([f"# text = {text}", *words, "", ""])

    assert result.out == sentence("the dog barks", ["DET", "NOUN", "VERB"]) + sentence(
        "dogs sleep", ["NOUN", "VERB"]
    )


def test_predicting_changes_only_the_tags_of_a_file(cli, tmp_path, runs):
    blank = "\t_" * 4
    text = (
        "# text = a comment\n1-2\tThedog" + "\t_" * 8 + "\n"
        f"1\tthe\tthe\tX\tDT\tDefinite=Def{blank}\n2\tdog\tdog\tX\tNN\tNumber=Sing{blank}\n"
        f"2.1\tthat\tthat\tPRON\t_\t_{blank}\n3\tbarks\tbark\tX\tVBZ\t_{blank}\n\n"
    )
    (tmp_path / "a.conllu").write_text(text)
    result = cli(f"predict {runs / 'labeller'} a.conllu", check=True)
    expected = text
    for tag in ("DET", "NOUN", "VERB"):
        expected = expected.replace("\tX\t", f"\t{tag}\t", 1)
    assert result.out == expected
    columns = "the\tdog\ndogs\tsleep\n"
    result = cli(
        f"predict {runs / 'labeller'} --format conll -",
        stdin=columns.replace("\t", "\n"),
        check=True,
    )
    assert [line.split("\t")[0] for line in result.out.split()] != []
    assert all(len(line.split("\t")) == 2 for line in result.out.splitlines() if line)


def test_export(cli, tmp_path, runs):
    import torch

    pytest.importorskip("masked_rnn")
    for run in ("classifier", "labeller", "dense"):
        cli(f"export {runs / run} {run}.pt", check=True)
    classifier = torch.jit.load(tmp_path / "classifier.pt")
    assert [label for label, _ in classifier(["it is fine", "it is awful"])] == ["pos", "neg"]
    labeller = torch.jit.load(tmp_path / "labeller.pt")
    assert labeller(["dogs sleep"]) == [[("dogs", "NOUN"), ("sleep", "VERB")]]
    dense = torch.jit.load(tmp_path / "dense.pt")
    assert dense([torch.tensor([[1.0, 0.0], [2.0, 0.0], [3.0, 0.0]])])[0][0] == "up"
