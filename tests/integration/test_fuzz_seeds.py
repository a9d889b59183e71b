"""The fuzzer's seeds, and its check of answers."""

import pytest

from tests.fuzz.seeds import CORPUS, seeds
from tests.fuzz.target import WAYS, serve

SEEDS = seeds()


def test_the_committed_seeds_equal_the_output_of_the_program() -> None:
    assert {path.name: path.read_bytes() for path in CORPUS.iterdir()} == SEEDS


@pytest.mark.parametrize("name", SEEDS)
def test_every_seed_gets_an_answer_of_the_contract(name: str) -> None:
    status = serve(SEEDS[name])
    assert status is not None
    assert 200 <= status < 500


def test_every_entry_point_has_a_seed() -> None:
    assert {data[0] for data in SEEDS.values()} == set(range(len(WAYS)))


def test_an_answer_that_breaks_the_contract_is_detected(monkeypatch: pytest.MonkeyPatch) -> None:
    def fails(*_: object, **__: object) -> None:
        raise RuntimeError

    monkeypatch.setattr("ethnicity.web.application.classify", fails)
    with pytest.raises(AssertionError):
        serve(SEEDS["face"])
