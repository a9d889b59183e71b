"""How well an audit estimates a set's composition: sets of known composition from test pictures.

    python -m benchmarks.audit [DATA]

Prints the tables of AUDIT.md. Everything follows from the committed test logits, the served
calibration and models/reference.json, which was fitted on validation pictures only. With DATA it
prints the tables by which the method was chosen: sets from one half of the validation pictures,
audited with a reference fitted on the other half.
"""

import json
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

import click
import numpy as np
from numpy.typing import NDArray
from sklearn.metrics import confusion_matrix
from tqdm import tqdm

from ethnicity.audit.prevalence import (
    REFERENCE_FILE,
    Answers,
    Reference,
    estimate,
    interval,
    load_reference,
    replicates,
)
from ethnicity.audit.records import Record
from ethnicity.audit.tally import Tally
from ethnicity.classifier import Classifier, load_classifier
from ethnicity.labels import LABELS
from ethnicity.model_files import read_model_file
from ethnicity.pipeline import load_models
from training import options
from training.calibrate import Scored
from training.data import load_sets
from training.markdown import table
from training.metrics import Floats
from training.reference import fit_shifts
from training.report import judged, load_predictions
from training.served import scored, serve

SETS, SETS_OF_SPLIT = 500, 10
"""Sets drawn from the test pictures of each kind, and from each half of the validation pictures."""

REPLICATES, FEWER_REPLICATES = 500, 200
"""For the audit's intervals, half as many as in an audit, and for the others."""


@dataclass(frozen=True)
class Pool:
    """Pictures to draw sets from: probabilities, shape (n, 5), and labels, shape (n,)."""

    probabilities: Floats
    label: NDArray[np.int64]

    def draw(self, rng: np.random.Generator, counts: NDArray[np.int64]) -> Floats:
        """So many of each label, with replacement."""
        rows = [
            rng.choice(np.flatnonzero(self.label == index), count)
            for index, count in enumerate(counts)
        ]
        return np.asarray(self.probabilities[np.concatenate(rows)])


@dataclass(frozen=True)
class Setting:
    """How sets are drawn, and which references they are audited with.

    ``pools``: two are mixed, for each label at a random share.
    ``sets``: how many are drawn, of ``size`` pictures each.
    """

    name: str
    pools: tuple[Pool, ...]
    references: dict[str, Reference]
    confusion: Floats
    size: int = 1000
    concentration: float = 1.0
    sets: int = SETS


@dataclass(frozen=True)
class Outcome:
    """The errors of each way to estimate one set, and each reference's intervals, by label.

    All of shape (5,).
    """

    errors: dict[str, Floats]
    covered: dict[str, NDArray[np.bool_]]
    widths: dict[str, Floats]


def audit_one(setting: Setting, seed: int) -> Outcome:
    """Draw a set and estimate its composition."""
    rng = np.random.default_rng(seed)
    composition = rng.dirichlet(np.full(len(LABELS), setting.concentration))
    counts = rng.multinomial(setting.size, composition)
    if len(setting.pools) == 1:
        drawn = setting.pools[0].draw(rng, counts)
    else:
        first = rng.binomial(counts, rng.random())
        parts = zip(setting.pools, (first, counts - first), strict=True)
        drawn = np.concatenate([pool.draw(rng, part) for pool, part in parts])
    truth = counts / setting.size
    answers = answers_to(drawn)
    counted = np.bincount(drawn.argmax(axis=1), minlength=len(LABELS)) / setting.size
    errors = {
        "counting": counted - truth,
        "mean probability": drawn.mean(axis=0) - truth,
        "confusion": by_confusion(counted, setting.confusion) - truth,
        "audit": estimate(answers) - truth,
    }
    covered, widths = {}, {}
    for name, reference in setting.references.items():
        number = REPLICATES if name == "audit" else FEWER_REPLICATES
        low, high = interval(replicates(answers, reference, rng, number))
        covered[name] = (low - 1e-9 <= truth) & (truth <= high + 1e-9)
        widths[name] = high - low
    return Outcome(errors, covered, widths)


def answers_to(probabilities: Floats) -> Answers:
    """Tally the pictures as a real audit does."""
    tally = Tally()
    for each in probabilities:
        tally.add(Record("", faces=1, probabilities=tuple(each)))
    return tally.as_answers()


def by_confusion(counted: Floats, confusion: Floats) -> Floats:
    """The composition that makes the counts most likely, given the rates of confusion."""
    shares = np.full(len(LABELS), 1 / len(LABELS))
    for _ in range(1000):
        shares = shares * (confusion @ (counted / np.maximum(shares @ confusion, 1e-12)))
    return shares


def rates(confusions: list[Floats]) -> Floats:
    """The rates of each answer for each label, averaged over both sets."""
    return np.asarray(np.mean([each / each.sum(axis=1, keepdims=True) for each in confusions], 0))


def test_pools() -> dict[str, Pool]:
    classifier = load_classifier()
    pools = {}
    for each in load_predictions(options.ROOT / "evaluation" / "test_predictions.npz"):
        pictures = Scored(each.logits, each.label, each.detail).where(each.found)
        pools[each.name] = pool_of(pictures, classifier)
    return pools


def pool_of(pictures: Scored, classifier: Classifier) -> Pool:
    probabilities, _ = judged(pictures.logits, pictures.detail, classifier.calibrations)
    return Pool(probabilities, pictures.label)


def with_other(reference: Reference, name: str) -> dict[str, Reference]:
    (other,) = reference.shifts.keys() - {name}
    return {
        "audit": reference,
        "both, none beyond": replace(reference, beyond=0.0),
        "its own": reference.only(name),
        "the other": reference.only(other),
        "no shift": Reference({"none": np.zeros((1, 1 + len(LABELS)))}, reference.model),
    }


def test_settings() -> Iterator[Setting]:
    pools, reference = test_pools(), load_reference()
    about = json.loads(read_model_file(REFERENCE_FILE))["sets"].values()
    confusion = rates([np.array(each["confusion"], float) for each in about])
    for name, pool in pools.items():
        yield Setting(name, (pool,), with_other(reference, name), confusion)
    both = partial(
        Setting, pools=tuple(pools.values()), references={"audit": reference}, confusion=confusion
    )
    yield both("both, mixed")
    yield both("both, sets of 200", size=200, sets=200)
    yield both("both, sets of 5,000", size=5000, sets=200)
    for name, pool in pools.items():
        yield Setting(
            f"{name}, few labels (Dirichlet 0.2)",
            (pool,),
            {"audit": reference},
            confusion,
            concentration=0.2,
            sets=200,
        )


def validation_settings(data: Path) -> Iterator[Setting]:
    """Ten splits of the validation pictures into halves: for the reference and for sets."""
    models = load_models()
    validation = {
        faces.name: scored(serve(models.finder, models.classifier.network, faces), faces)
        for faces in (each.part("val") for each in load_sets(data, options.WORK / "prepared"))
    }
    for split in range(10):
        rng = np.random.default_rng(split)
        halves = {}
        for name, each in validation.items():
            half = rng.random(len(each.label)) < 0.5
            halves[name] = [
                pool_of(part, models.classifier) for part in (each.where(half), each.where(~half))
            ]
        shifts = {
            name: fit_shifts(first.probabilities, first.label)
            for name, (first, _) in halves.items()
        }
        confusion = rates(
            [
                confusion_matrix(
                    first.label, first.probabilities.argmax(axis=1), labels=range(len(LABELS))
                )
                for first, _ in halves.values()
            ]
        )
        reference = Reference(shifts, models.classifier.version)
        for name, (_, second) in halves.items():
            references = with_other(reference, name)
            yield Setting(name, (second,), references, confusion, sets=SETS_OF_SPLIT)


def outcomes(setting: Setting, first_seed: int) -> list[Outcome]:
    seeds = range(first_seed, first_seed + setting.sets)
    with ProcessPoolExecutor() as pool:
        work: Callable[[int], Outcome] = partial(audit_one, setting)
        found = pool.map(work, seeds, chunksize=5)
        return list(tqdm(found, total=setting.sets, desc=setting.name, leave=False))


def error_row(name: str, found: list[Outcome]) -> list[str]:
    """Mean absolute errors in points, and the audit's divided by counting's."""
    mean = {way: np.abs([each.errors[way] for each in found]).mean() for way in found[0].errors}
    cells = [f"{100 * value:.2f}" for value in mean.values()]
    return [name, str(len(found)), *cells, f"**{mean['audit'] / mean['counting']:.2f}**"]


def coverage_rows(name: str, found: list[Outcome]) -> Iterator[list[str]]:
    """How often intervals hold the true share, over all labels and for each; their mean width."""
    for reference in found[0].covered:
        covered = np.array([each.covered[reference] for each in found])
        width = np.mean([each.widths[reference] for each in found])
        by_label = [f"{100 * each:.1f}" for each in covered.mean(axis=0)]
        overall = f"{100 * covered.mean():.1f} %"
        overall = f"**{overall}**" if reference == "audit" else overall
        yield [name, reference, overall, *by_label, f"{100 * width:.1f}"]


def print_tables(found: dict[str, list[Outcome]]) -> None:
    ways = ["counting", "mean probability", "confusion", "audit"]
    head = ["sets from", "sets", *ways, "audit / counting"]
    print(table(head, [error_row(name, each) for name, each in found.items()]))
    head = ["sets from", "reference", "covered", *LABELS, "width"]
    rows = [row for name, each in found.items() for row in coverage_rows(name, each)]
    print("", table(head, rows), sep="\n")


@click.command(help=__doc__)
@options.optional_data
def main(data: Path | None) -> None:
    settings = test_settings() if data is None else validation_settings(data)
    found: dict[str, list[Outcome]] = {}
    for index, each in enumerate(settings):
        seed = 0 if data is None else 100 * index  # every split draws other sets
        found.setdefault(each.name, []).extend(outcomes(each, seed))
    print_tables(found)


if __name__ == "__main__":
    main()
