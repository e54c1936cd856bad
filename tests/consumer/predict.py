"""Loads a model that `masked-rnn export` wrote and prints what it says of sentences, given as
arguments or one a line on standard input. predict.cpp prints the same in C++."""

import sys

import masked_rnn  # noqa: F401  registers the operators
import torch

if len(sys.argv) < 2:
    sys.exit("usage: predict.py MODEL.pt [SENTENCE...]")
model = torch.jit.load(sys.argv[1]).eval()
sentences = sys.argv[2:] or sys.stdin.read().splitlines()

with torch.inference_mode():
    for sentence, answer in zip(sentences, model(sentences), strict=True):
        if isinstance(answer, tuple):  # a classifier: the label and its probability
            label, probability = answer
            print(f"{label}\t{probability:.4f}\t{sentence}")
        else:  # a tagger: the tokens and their labels
            print(" ".join(f"{token}/{label}" for token, label in answer))
