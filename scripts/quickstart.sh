#!/usr/bin/env bash
# From a fresh checkout to trained, exported models: sets everything up, trains a sentiment
# classifier and a part-of-speech tagger on the sample data, shows how good they are, and loads
# their exports again in Python and in C++. A second run trains nothing over again.
source "$(dirname "${BASH_SOURCE[0]}")/setup.sh"

# On a machine with other work to do, threads must not wait for each other by spinning.
export OMP_WAIT_POLICY=${OMP_WAIT_POLICY:-passive}

data=tests/data
runs=build/quickstart
sentiment=(
  "The food was wonderful and the staff could not have been kinder."
  "I waited an hour and the soup was cold."
  "What a dull, disappointing film."
  "This little radio works perfectly and sounds great."
)
speech=(
  "The old dog sleeps under the table."
  "She didn't buy the two red apples yesterday."
  "Where do you live?"
)

# train NAME OPTION...: unless it was trained by this very build with these very options
train() {
  local run=$runs/$1 wanted
  wanted="$(<.venv/masked_rnn.fingerprint) $* $(cat "$data"/*/* | sha256sum)"
  if [[ -f $run/trained && $(<"$run/trained") == "$wanted" ]]; then
    say "$1: trained already, in $run"
  else
    say "$1: training"
    rm -rf "$run"
    mkdir -p "$runs"
    masked-rnn train "${@:2}" --bidirectional --out "$run"
    echo "$wanted" >"$run/trained"
  fi
}

# CoNLL-U as one line for each sentence: The/DET old/ADJ dog/NOUN
one_line() {
  awk -F '\t' '/^#/ { next } NF { printf "%s%s/%s", space, $2, $4; space = " "; next }
              space { print ""; space = "" }'
}

# show NAME TEST_SET COMMAND SENTENCE...: accuracy, predictions (through COMMAND), and the same
# predictions by the exported model in Python and in C++
show() {
  local run=$runs/$1 test_set=$2 shown_by=$3 model=$runs/$1.pt
  local -a sentences=("${@:4}")
  say "$1: on the test set"
  masked-rnn evaluate "$run" "$test_set"
  say "$1: a few sentences"
  printf '%s\n' "${sentences[@]}" | masked-rnn predict "$run" | "$shown_by" | tee "$run.predicted"
  masked-rnn export "$run" "$model"
  say "$1: the same by $model, in Python with torch and the operator library"
  python tests/consumer/predict.py "$model" "${sentences[@]}" | tee "$run.python"
  say "$1: the same by $model, in C++ with LibTorch and the operator library"
  build/consumer/predict "$model" "${sentences[@]}" | tee "$run.cpp"
  cmp "$run.predicted" "$run.python" && cmp "$run.predicted" "$run.cpp" ||
    die "$1: the exported model predicts something else than the trained one"
}

build_consumer() {
  cmake -S tests/consumer -B build/consumer \
    -DCMAKE_PREFIX_PATH="$(python -c 'import masked_rnn; print(masked_rnn.cmake_prefix_path)')" \
    >build/consumer.log 2>&1 && cmake --build build/consumer --target predict >>build/consumer.log 2>&1 ||
    { cat build/consumer.log; die "the C++ program in tests/consumer was not built"; }
}

say "building the C++ program that loads the exports"
build_consumer
train sentiment --task classify --cell lstm \
  --train $data/sentiment/train.tsv --dev $data/sentiment/dev.tsv
# The samples are few: small batches and many epochs, for as many steps as on more data.
train tagger --task label --cell lstm --batch-tokens 300 --epochs 30 \
  --train $data/pos/train.conllu --dev $data/pos/dev.conllu
show sentiment $data/sentiment/test.tsv cat "${sentiment[@]}"
show tagger $data/pos/test.conllu one_line "${speech[@]}"
say "done: all predictions agree; the runs and the exported models are in $runs"
