"""The examples in docstrings."""

import doctest
from pathlib import Path

import pytest

from ethnicity import pipeline

ROOT = Path(__file__).parents[2]


def test_the_examples_of_the_python_api_run(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.chdir(ROOT)
    failed, attempted = doctest.testmod(pipeline)
    assert failed == 0
    assert attempted > 0
