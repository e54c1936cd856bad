"""Runs the benchmark and writes benchmark.json, benchmark.md (tables) and benchmark.png.

python report.py PROGRAM [--out FOLDER] [options of the program]
"""

from __future__ import annotations

import argparse
import json
import platform
import statistics
import subprocess
import sys
from pathlib import Path

CELL_NAMES = {"lstm": "LSTM", "gru": "GRU", "rnn_tanh": "RNN tanh", "rnn_relu": "RNN relu"}


def machine():
    cpu = platform.processor() or platform.machine()
    for line in Path("/proc/cpuinfo").read_text().splitlines():
        if line.startswith("model name"):
            cpu = line.split(":", 1)[1].strip()
            break
    return cpu


def run_json(command):
    done = subprocess.run(command, stdout=subprocess.PIPE, check=False)
    if done.returncode:
        sys.exit(done.returncode)
    return json.loads(done.stdout)


def peak_memory(program):
    options = ["--cells", "lstm", "--shapes", "100,128,256,256", "--threads", "1"]
    return {
        peer: run_json([program, "--peak-memory", peer, *options])["peak_bytes"]
        for peer in ("ours", "packed")
    }


def other_peers(result, rounds):
    chosen = [r for r in result["results"] if r["directions"] == 1 and r["cell"] != "rnn_relu"]
    shapes = dict.fromkeys(r["shape"] for r in chosen if r["shape"].count(",") == 3)
    cells = dict.fromkeys(r["cell"] for r in chosen)
    found = []
    for limit in result["limits"]:
        arguments = [str(limit["threads"]), str(rounds), ",".join(cells), *shapes]
        found += run_json([sys.executable, str(Path(__file__).with_name("peers.py")), *arguments])
    return found


def select(result, **wanted):
    return [r for r in result["results"] if all(r[key] == value for key, value in wanted.items())]


def table(entries, others):
    yield "| cell | T,B,I,H | step | ms | GFLOP/s | of limit | alone | packed | padded | others |"
    yield "|---" * 10 + "|"
    for r in entries:
        beside = [
            f"{o['peer']} {o['times_ours']:.1f} x"
            for o in others
            if all(o[key] == r[key] for key in ("cell", "shape", "threads", "mode"))
        ]
        ours = r["ours"]
        yield (
            f"| {CELL_NAMES[r['cell']]} | {r['shape']} | {r['mode']} | {ours['seconds'] * 1e3:.2f} "
            f"| {ours['gflops']:.0f} | {ours['fraction']:.2f} | {r['alone']['fraction']:.2f} "
            f"| {r['packed']['times_ours']:.2f} x | {r['padded']['times_ours']:.2f} x "
            f"| {', '.join(beside) if r['directions'] == 1 else ''} |"
        )


def markdown(result):
    yield f"Machine: {result['machine']}, {result['capability']}, torch {result['torch']}."
    yield f"Medians of {result['rounds']} rounds; packed and padded: their time over ours."
    for limit in result["limits"]:
        for directions in (1, 2):
            entries = select(result, threads=limit["threads"], directions=directions)
            if entries:
                yield ""
                yield (
                    f"### {limit['threads']} thread{'s'[: limit['threads'] > 1]}, {directions} "
                    f"direction{'s'[: directions > 1]} (at most {limit['gflops']:.0f} GFLOP/s)"
                )
                yield ""
                yield from table(entries, result["others"])
                training = [r for r in entries if r["mode"] == "training"]
                mean = statistics.geometric_mean(r["packed"]["times_ours"] for r in training)
                yield ""
                yield f"Training against packed, geometric mean: {mean:.2f} x."
    if "experiments" in result:
        yield ""
        yield "| compared | ratio |"
        yield "|---|---|"
        for e in result["experiments"]:
            yield f"| {e['name']} | {e['ratio']:.3f} |"
        memory = result["peak_memory"]
        yield (
            "| peak memory of the process against packed, lstm (100,128,256,256) training "
            f"| {memory['ours'] / memory['packed']:.2f} |"
        )


def picture(result, file):
    import matplotlib

    matplotlib.use("Agg")
    import matplotlib.pyplot as plt

    threads = result["limits"][0]["threads"]
    entries = select(result, threads=threads, directions=1, mode="training")
    cells = list(dict.fromkeys(r["cell"] for r in entries))
    shapes = list(dict.fromkeys(r["shape"] for r in entries))
    figure, (speed, limit) = plt.subplots(2, 1, figsize=(9, 7), sharex=True)
    width = 0.8 / len(cells)
    for i, cell in enumerate(cells):
        mine = {r["shape"]: r for r in entries if r["cell"] == cell}
        places = [shapes.index(s) + (i - (len(cells) - 1) / 2) * width for s in mine]
        bars = [r["packed"]["times_ours"] for r in mine.values()]
        speed.bar(places, bars, width * 0.9, label=CELL_NAMES[cell])
        limit.bar(places, [r["ours"]["fraction"] for r in mine.values()], width * 0.9)
    speed.axhline(1, color="grey", linewidth=0.8)
    speed.set_yscale("log")
    speed.set_yticks([1, 2, 5, 10, 20, 50], [1, 2, 5, 10, 20, 50])
    speed.set_ylabel("times faster than\npack_padded_sequence")
    speed.legend()
    limit.axhline(1, color="grey", linewidth=0.8)
    limit.set_ylabel("fraction of the limit")
    limit.set_xticks(range(len(shapes)), shapes, fontsize=8)
    limit.set_xlabel("T, B, I, H (layers)")
    speed.set_title(f"Training step, {threads} thread{'s'[: threads > 1]}")
    figure.tight_layout()
    figure.savefig(file, dpi=120)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("program")
    parser.add_argument("--out", type=Path, default=Path("build/benchmark"))
    parser.add_argument("--rounds", type=int, default=9)
    parser.add_argument("--quick", action="store_true", help="torch::nn only")
    arguments, options = parser.parse_known_args()
    program = str(Path(arguments.program).resolve())
    arguments.out.mkdir(parents=True, exist_ok=True)

    options += ["--rounds", str(arguments.rounds)]
    if not arguments.quick:
        options.append("--experiments")

    def save():  # what took minutes is not lost if something later fails
        (arguments.out / "benchmark.json").write_text(json.dumps(result, indent=1) + "\n")

    result = {**run_json([program, *options]), "machine": machine(), "others": []}
    save()
    if not arguments.quick:
        result["peak_memory"] = peak_memory(program)
        result["others"] = other_peers(result, arguments.rounds)
        save()
    text = "\n".join(markdown(result)) + "\n"
    (arguments.out / "benchmark.md").write_text(text)
    picture(result, arguments.out / "benchmark.png")
    print(text, end="")


if __name__ == "__main__":
    main()
