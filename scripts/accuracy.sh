#!/usr/bin/env bash
# Trains on real data with the command line and its defaults, and prints one line of results for
# each: part-of-speech tagging and sentiment from the folder MASKED_RNN_DATA, JapaneseVowels from
# the Python package aeon. Fails when an accuracy is below its target or takes longer than its limit.
source "$(dirname "${BASH_SOURCE[0]}")/setup.sh"

data=$(realpath -m "${MASKED_RNN_DATA:-/nonexistent}")
series=build/aeon  # where JapaneseVowels is unpacked, once
runs=$(mktemp -d)
trap 'rm -rf "$runs"' EXIT
results=()
failed=0

# accuracy NAME TARGET SECONDS TEST TRAINING-OPTION...
accuracy() {
  local name=$1 target=$2 limit=$3 test_file=$4 start=$SECONDS value outcome=passed
  shift 4
  say "$name"
  .venv/bin/masked-rnn train "$@" --out "$runs/$name"
  value=$(.venv/bin/masked-rnn evaluate "$runs/$name" "$test_file" | sed -n '$s/^accuracy //p')
  local seconds=$((SECONDS - start))
  if ! awk "BEGIN { exit !($value >= $target && $seconds <= $limit) }"; then
    outcome=FAILED failed=1
  fi
  results+=("$(printf '%-20s accuracy %s (at least %s)  %d s (at most %d)  %s' \
    "$name" "$value" "$target" "$seconds" "$limit" "$outcome")")
}

skip() { results+=("$(printf '%-20s skipped: %s' "$1" "$2")"); }

# aeon is a wheel with the data inside; nothing of it is installed.
fetch_series() {
  [[ -e $series/JapaneseVowels_TEST.ts ]] && return
  local wheel
  wheel=$(mktemp -d)
  .venv/bin/python -m pip download -q --no-deps --only-binary :all: -d "$wheel" aeon &&
    .venv/bin/python - "$wheel" "$series" <<'PYTHON'
import pathlib
import sys
import zipfile

wheel, folder = map(pathlib.Path, sys.argv[1:])
folder.mkdir(parents=True, exist_ok=True)
with zipfile.ZipFile(next(wheel.glob("aeon-*.whl"))) as package:
    for part in ("TRAIN", "TEST"):
        name = f"JapaneseVowels_{part}.ts"
        content = package.read(f"aeon/datasets/data/JapaneseVowels/{name}")
        (folder / name).write_bytes(content)
PYTHON
  local status=$?
  rm -rf "$wheel"
  return $status
}

ewt=$data/ud-english-ewt/en_ewt-ud
if [[ -e $ewt-test.conllu ]]; then
  accuracy english-ewt-upos 0.910 600 "$ewt-test.conllu" \
    --task label --cell lstm --bidirectional --train "$ewt-train.conllu" --dev "$ewt-dev.conllu"
else
  skip english-ewt-upos "set MASKED_RNN_DATA to a folder with ud-english-ewt"
fi

sentiment=$data/sentiment-sentences
if [[ -e $sentiment/test.tsv ]]; then
  accuracy sentiment-sentences 0.780 120 "$sentiment/test.tsv" \
    --task classify --bidirectional --train "$sentiment/train.tsv" --dev "$sentiment/dev.tsv"
else
  skip sentiment-sentences "set MASKED_RNN_DATA to a folder with sentiment-sentences"
fi

if fetch_series; then
  accuracy japanese-vowels 0.950 120 "$series/JapaneseVowels_TEST.ts" \
    --task classify --bidirectional --train "$series/JapaneseVowels_TRAIN.ts"
else
  skip japanese-vowels "pip cannot download the package aeon"
fi

printf '%s\n' "${results[@]}"
exit $failed
