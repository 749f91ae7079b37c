"""The Python code in docs/python.md runs as it stands there."""

import pathlib
import re

import pytest

from conftest import run_python

ROOT = pathlib.Path(__file__).parents[2]
PAGES = ["docs/python.md"]


@pytest.mark.parametrize("page", PAGES)
def test_the_code_of_a_page_runs(tmp_path, page):
    blocks = re.findall(r"^```python\n(.*?)^```", (ROOT / page).read_text(), re.M | re.S)
    assert blocks
    for block in blocks:
        run_python(block, cwd=tmp_path)
