"""How well an audit knows a set's composition: sets of known composition, drawn from test pictures.

    python -m benchmarks.audit [--sets 500]

Prints the tables of AUDIT.md. Everything follows from the committed test logits, the served
calibration and models/reference.json, which knows validation pictures only. With --data it also
prints what was looked at when the method was chosen: the same on halves of the validation pictures,
the reference made from the other halves.
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
from ethnicity.pipeline import load_finder
from training.calibrate import Scored
from training.data import load_sets
from training.markdown import table
from training.reference import fit_shifts
from training.report import judged, load_predictions
from training.served import scored, serve

ROOT = Path(__file__).parents[1]

REPLICATES, FEWER_REPLICATES = 500, 200
"""For the audit's own intervals, half as many as in an audit, and for those to compare with."""

Floats = NDArray[np.float64]


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
    """What sets are drawn, and which references they are audited with.

    ``pools``: of two, each label's pictures are divided between them at a share drawn anew.
    ``part``: of the sets asked for, so many are drawn.
    """

    name: str
    pools: tuple[Pool, ...]
    references: dict[str, Reference]
    confusion: Floats
    size: int = 1000
    concentration: float = 1.0
    part: float = 1.0


@dataclass(frozen=True)
class Outcome:
    """Of one set: errors of each way to estimate, and of each reference whether it covers.

    All of shape (5,).
    """

    errors: dict[str, Floats]
    covered: dict[str, NDArray[np.bool_]]
    widths: dict[str, Floats]


def audit_one(setting: Setting, seed: int) -> Outcome:
    """Draw a set and estimate what it is made of."""
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
    answers = taken_together(drawn)
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


def taken_together(probabilities: Floats) -> Answers:
    """As a real audit does it."""
    tally = Tally()
    for each in probabilities:
        tally.add(Record("", faces=1, probabilities=tuple(each)))
    return tally.as_answers()


def by_confusion(counted: Floats, confusion: Floats) -> Floats:
    """The shares under which the counts are most likely, given how often labels are confused."""
    shares = np.full(len(LABELS), 1 / len(LABELS))
    for _ in range(1000):
        shares = shares * (confusion @ (counted / np.maximum(shares @ confusion, 1e-12)))
    return shares


def rates(confusions: list[Floats]) -> Floats:
    """Both sets' rates of each answer for each label, averaged."""
    return np.asarray(np.mean([each / each.sum(axis=1, keepdims=True) for each in confusions], 0))


def test_pools() -> dict[str, Pool]:
    classifier = load_classifier()
    pools = {}
    for each in load_predictions(ROOT / "evaluation" / "test_predictions.npz"):
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
    yield both("both, sets of 200", size=200, part=0.4)
    yield both("both, sets of 5,000", size=5000, part=0.4)
    for name, pool in pools.items():
        yield Setting(
            f"{name}, few labels (Dirichlet 0.2)",
            (pool,),
            {"audit": reference},
            confusion,
            concentration=0.2,
            part=0.4,
        )


def _served_validation(classifier: Classifier, data: Path, work: Path) -> dict[str, Scored]:
    """By set what the service's network says of the validation pictures with a face."""
    finder, validation = load_finder(), {}
    for each in load_sets(data, work / "prepared"):
        faces = each.part("val")
        validation[each.name] = scored(serve(finder, classifier.network, faces), faces)
    return validation


def validation_settings(data: Path, work: Path) -> Iterator[Setting]:
    """Ten splits of the validation pictures into halves: for reference and for sets."""
    classifier = load_classifier()
    validation = _served_validation(classifier, data, work)
    for split in range(10):
        rng = np.random.default_rng(split)
        halves = {}
        for name, each in validation.items():
            half = rng.random(len(each.label)) < 0.5
            halves[name] = [
                pool_of(part, classifier) for part in (each.where(half), each.where(~half))
            ]
        shifts = {
            name: fit_shifts(first.probabilities, first.label)
            for name, (first, _) in halves.items()
        }
        confusion = rates([_confusion(first) for first, _ in halves.values()])
        reference = Reference(shifts, classifier.version)
        for name, (_, second) in halves.items():
            yield Setting(name, (second,), with_other(reference, name), confusion)


def _confusion(pool: Pool) -> Floats:
    counts = np.zeros((len(LABELS), len(LABELS)))
    np.add.at(counts, (pool.label, pool.probabilities.argmax(axis=1)), 1)
    return counts


def outcomes(setting: Setting, sets: int, first_seed: int = 0) -> list[Outcome]:
    seeds = range(first_seed, first_seed + sets)
    with ProcessPoolExecutor() as pool:
        work: Callable[[int], Outcome] = partial(audit_one, setting)
        found = pool.map(work, seeds, chunksize=5)
        return list(tqdm(found, total=sets, desc=setting.name, leave=False))


def error_row(name: str, found: list[Outcome]) -> list[str]:
    """Mean absolute errors in points, and the audit's as a share of counting's."""
    mean = {way: np.abs([each.errors[way] for each in found]).mean() for way in found[0].errors}
    cells = [f"{100 * value:.2f}" for value in mean.values()]
    return [name, str(len(found)), *cells, f"**{mean['audit'] / mean['counting']:.2f}**"]


def coverage_rows(name: str, found: list[Outcome]) -> Iterator[list[str]]:
    """How often intervals hold the truth, over all labels and for each; their mean width."""
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
@click.option("--sets", default=500, help="Of each kind.")
@click.option("--data", type=click.Path(exists=True, path_type=Path), help="../shared/faces")
@click.option("--work", type=click.Path(path_type=Path), default=ROOT / ".training")
def main(sets: int, data: Path | None, work: Path) -> None:
    if data is None:
        settings = list(test_settings())
        print_tables({each.name: outcomes(each, round(each.part * sets)) for each in settings})
        return
    found: dict[str, list[Outcome]] = {}
    for place, each in enumerate(validation_settings(data, work)):
        found.setdefault(each.name, []).extend(outcomes(each, sets // 10, place * sets))
    print_tables(found)


if __name__ == "__main__":
    main()
