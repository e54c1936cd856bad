"""Every Python block of the documentation runs, one after another as on the page."""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
BLOCK = re.compile(r"^```python\n(.*?)^```$", re.MULTILINE | re.DOTALL)

# Blocks that need a file which only a training run makes; tests/models/export loads such files.
NEEDS_A_MODEL = 'torch.jit.load("sentiment.pt")'


def blocks(page):
    text = (ROOT / page).read_text()
    return [block for block in BLOCK.findall(text) if NEEDS_A_MODEL not in block]


@pytest.mark.parametrize(
    ("page", "at_least"), [("README.md", 1), ("docs/coming_from_pack_padded_sequence.md", 7)]
)
def test_python_blocks_run(page, at_least):
    found = blocks(page)
    assert len(found) >= at_least
    names = {}
    for block in found:
        exec(compile(block, page, "exec"), names)


@pytest.mark.parametrize("page", ["README.md", "CONTRIBUTING.md"])
def test_links_lead_to_files(page):
    for target in re.findall(r"\]\(([^)#]+)\)", (ROOT / page).read_text()):
        if "://" not in target:
            assert (ROOT / target).exists(), target
