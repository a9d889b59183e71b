"""Parts of sets selected by something other than the label, and audits' errors on them."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from ethnicity.audit.prevalence import Reference
from ethnicity.classifier import Calibration
from training.data import ORIGINS, UNKNOWN
from training.selections import (
    MARGIN,
    Miss,
    Pictures,
    departure,
    load,
    misses,
    parts,
    save,
    thinned,
)

CALIBRATION = (Calibration(0.0, 1.0, np.zeros(5), np.zeros(5)),)
REFERENCE = Reference({"one": np.zeros((1, 6))}, "model")


def pictures(shift_in_the_dark: float = 0.0, count: int = 300) -> Pictures:
    """Calibrated logits, ``count`` of each label; in the darkest third they lean to White."""
    rng = np.random.default_rng(0)
    label = np.repeat(np.arange(5), count)
    many = len(label)
    logits = rng.normal(size=(many, 5)) * 2 + 4 * np.eye(5)[label]
    light = rng.permutation(many).astype(float)
    logits[light < many / 3, 0] += shift_in_the_dark
    return Pictures(
        name="one",
        split="val",
        logits=logits,
        label=label,
        age=rng.integers(0, 9, many),
        gender=rng.integers(0, 2, many),
        origin=rng.integers(0, len(ORIGINS), many),
        day=rng.integers(20170101, 20170131, many),
        detail=rng.random(many),
        light=light,
        contrast=rng.random(many),
        warmth=rng.random(many),
        turn=rng.random(many),
        size=rng.random(many),
    )


def test_every_kind_of_selection_makes_proper_parts() -> None:
    made = list(parts(pictures()))

    assert {part.kind for part in made} == {
        *("set", "age", "gender", "origin", "source"),
        *("sharpness", "light", "contrast", "colour", "pose", "size"),
    }
    for part in made:
        assert part.rows.all() == (part.kind == "set")
        assert part.rows.any()


def test_missing_attributes_select_nothing() -> None:
    unknown = np.full(1500, UNKNOWN)
    made = parts(replace(pictures(), origin=unknown, day=np.zeros(1500, int)))

    assert not {part.kind for part in made} & {"origin", "source"}


def test_thinned_parts_have_different_compositions_and_no_repeated_pictures() -> None:
    label = pictures().label
    rng = np.random.default_rng(0)

    first, *others = thinned(label, np.arange(1500), rng)

    assert len(first) == 1500
    assert len(others) == 4
    for rows in others:
        assert len(np.unique(rows)) == len(rows) >= 100
        assert np.ptp(np.bincount(label[rows])) > 10
    assert list(thinned(label, np.arange(50), rng)) == []


def test_the_departure_measures_errors_beyond_chance() -> None:
    alike, dark = (
        departure(misses([pictures(shift)], CALIBRATION, REFERENCE)) for shift in (0.0, 2.0)
    )
    assert alike < 0.0005
    assert dark > 0.001

    # AND each kind of selection has the same weight
    found = [Miss("age", 0.02, 1.0), Miss("age", 0.04, 1.0), Miss("light", 0.0, 1.0)]
    assert departure(found) == pytest.approx(MARGIN * 0.015)
    assert departure([Miss("light", -0.01, 1.0)]) == 0
    assert departure([]) == 0


def test_saved_pictures_are_loaded_unchanged(tmp_path: Path) -> None:
    given = pictures()
    save([given, replace(given, split="test")], tmp_path / "pictures.npz")

    back = load(tmp_path / "pictures.npz", "val")

    assert list(back) == ["one"]
    assert back["one"].logits == pytest.approx(given.logits, abs=1e-5)
    assert (back["one"].label == given.label).all()
    assert (back["one"].day == given.day).all()
    assert back["one"].label.dtype.kind == "i"
