"""A sample report from answers to test pictures, combined into a made-up set."""

from pathlib import Path

import numpy as np

from ethnicity.audit import html
from ethnicity.audit.outcome import Outcome
from ethnicity.audit.prevalence import Reference
from ethnicity.audit.records import Record
from ethnicity.audit.summary import summarise
from ethnicity.audit.tally import Tally
from ethnicity.audit.truth import labelled
from ethnicity.classifier import load_classifier
from ethnicity.labels import LABELS
from training import selections
from training.data import AGE_BANDS
from training.report import judged
from training.selections import Pictures

_FOLDERS = {"train": 900, "validation": 180, "test": 240, "extra/a": 4, "extra/b": 7}
_COMPOSITION = np.array([0.52, 0.10, 0.16, 0.08, 0.14])
_REJECTED = np.array([0.06, 0.19, 0.09, 0.12, 0.10])
"""Rates at which a made-up system rejects the pictures of each label."""

_WITHOUT_FACE, _SIDE, _FACE = 21, 200, 140


def write_sample(file: Path, reference: Reference, folder: Path) -> None:
    """Write sample-report.html, from the test pictures of both sets.

    ``file``: written by `training.selections.save`.
    """
    rng = np.random.default_rng(25)
    sets = list(selections.load(file, "test").values())
    records: list[Record] = []
    label_of: dict[str, int] = {}
    ages: dict[str, str] = {}
    rejected: dict[str, bool] = {}
    for group, size in _FOLDERS.items():
        for _ in range(size):
            name = f"{group}/{len(records):04}.jpg"
            pictures = sets[rng.integers(2)]
            label = int(rng.choice(len(LABELS), p=_COMPOSITION))
            row = int(rng.choice(np.flatnonzero(pictures.label == label)))
            records.append(_record(name, group, pictures, row))
            label_of[name] = label
            ages[name] = AGE_BANDS[pictures.age[row]]
            rejected[name] = bool(rng.random() < _REJECTED[label])
    for index in range(_WITHOUT_FACE):
        name = f"train/none-{index}.jpg"
        records.append(Record(name, "train", "no_face", _SIDE, _SIDE))
        label_of[name], ages[name] = int(rng.choice(len(LABELS), p=_COMPOSITION)), "3-9"
        rejected[name] = bool(rng.random() < 0.7)
    records.append(Record("test/half.jpg", "test", "corrupt_image"))
    outcome = Outcome("rejected", "yes", "no", unknown=1)
    tallies: dict[str, Tally] = {}
    for record in records:
        tallies.setdefault(record.group, Tally()).add(record)
        if record.name in rejected:
            (outcome.with_it if rejected[record.name] else outcome.without_it).add(record)
    report = summarise(
        tallies,
        title="a made-up set (sample, numbers alone)",
        reference=reference,
        made="2026-01-01T00:00:00Z",
        outcome=outcome,
        truth=labelled(records, "label", label_of, {"age": ages}),
    )
    (folder / "sample-report.html").write_text(html.page(report), encoding="utf-8")


def _record(name: str, group: str, pictures: Pictures, row: int) -> Record:
    calibrations = load_classifier().calibrations
    one = slice(row, row + 1)
    probabilities, kept = judged(pictures.logits[one], pictures.detail[one], calibrations)
    prediction_set = tuple(
        LABELS[index] for index in np.argsort(-probabilities[0]) if kept[0, index]
    )
    return Record(
        name,
        group,
        width=_SIDE,
        height=_SIDE,
        faces=1,
        face_width=_FACE,
        probabilities=tuple(np.round(probabilities[0], 6).tolist()),
        prediction_set=prediction_set,
    )
