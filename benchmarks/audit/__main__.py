"""Accuracy of audits, measured on sets whose composition and outcome rates are known.

    python -m benchmarks.audit

Writes the tables of benchmarks/AUDIT.md and docs/audit.md, and docs/sample-report.html, computed
from evaluation/, the served calibration and models/reference.json, which is fitted on validation
pictures only. Sets and outcomes are drawn from test pictures.
"""

import json
import os
from collections.abc import Callable, Iterable
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import click
import numpy as np
from tqdm import tqdm

from benchmarks.audit import chosen, others, outcomes, shares
from benchmarks.audit.pools import pools
from benchmarks.audit.sample import write_sample
from ethnicity.audit.prevalence import REFERENCE_FILE, Reference, load_reference
from ethnicity.classifier import load_classifier
from ethnicity.model_files import read_model_file
from training import options
from training.evaluate import MEASURED, MODELS
from training.export import network_checksums
from training.markdown import between
from training.selections import SELECTIONS, misses

_PAGE, _GUIDE, _DOCS = Path("benchmarks/AUDIT.md"), Path("docs/audit.md"), Path("docs")

Runner = Callable[[str, Callable[[Any], Any], Iterable[Any]], list[Any]]
"""Maps a function over arguments on all cores; takes a name for the progress bar."""


@click.command(help=__doc__)
@click.option("--quick", is_flag=True, help="Try everything with few sets; print, write nothing.")
def main(*, quick: bool) -> None:
    """Draw sets, audit them, and write the tables."""
    root = options.ROOT
    reference, model = load_reference(), load_classifier().version
    measured = (root / MEASURED).read_text(encoding="utf-8")
    if reference.model != model or measured != network_checksums(root / MODELS):
        raise click.ClickException(
            "reference.json or evaluation/ is of another model: "
            "run make evaluate DATA=folder and make reference"
        )
    few = 10 if quick else None
    with ProcessPoolExecutor(os.cpu_count(), mp_context=get_context("spawn")) as workers:
        run: Runner = partial(_all, workers)
        tables = {
            **_shares(run, reference, few),
            **_chosen(run, reference, few),
            **_outcomes(run, reference, few),
            "others": others.table_of_others(reference),
            "model": f"Model {model}. The departure is {reference.departure:.4f}: an audit is "
            f"worth no more than knowing the labels of {1 / reference.departure:.0f} faces.",
        }
    if quick:
        for name, content in tables.items():
            click.echo(f"\n{name}\n{content}")
        return
    for file in (_PAGE, _GUIDE):
        text = (root / file).read_text(encoding="utf-8")
        for name, content in tables.items():
            mark = f"<!-- {name}: written by make bench-audit -->"
            if mark in text:
                text = between(text, mark, f"<!-- end of {name} -->", content)
        (root / file).write_text(text, encoding="utf-8")
    write_sample(root / SELECTIONS, reference, root / _DOCS)


def _all(
    workers: ProcessPoolExecutor, name: str, do: Callable[[Any], Any], work: Iterable[Any]
) -> list[Any]:
    todo = list(work)
    return list(tqdm(workers.map(do, todo, chunksize=4), total=len(todo), desc=name, leave=False))


def _shares(run: Runner, reference: Reference, few: int | None) -> dict[str, str]:
    sets = {name: pool for name, pool in pools("test").items() if name in reference.shifts}
    about = json.loads(read_model_file(REFERENCE_FILE))["sets"].values()
    confusion = shares.rates([np.array(each["confusion"], float) for each in about])
    found = {
        setting.name: run(
            setting.name, partial(shares.audit_one, setting), range(few or setting.sets)
        )
        for setting in shares.settings(sets, reference, confusion)
    }
    return {
        "errors": shares.error_table(found),
        "coverage": shares.coverage_table(found),
        "comparisons": shares.comparison_table(found),
        "whole": shares.whole_table(sets, reference),
    }


def _chosen(run: Runner, reference: Reference, few: int | None) -> dict[str, str]:
    validation = pools("val")
    found = misses(
        [each.pictures for each in validation.values()], load_classifier().calibrations, reference
    )
    judge = partial(chosen.judge_one, references=chosen.references(reference, found))
    judged = {}
    for split, each in (("test", pools("test")), ("val", validation)):
        sets = list(chosen.chosen_sets(each))
        example = [one for one in sets if not one.kind]
        judged[split] = run(f"chosen, {split}", judge, sets[::few] + example if few else sets)
    return {
        "kinds": chosen.kinds_table(judged["test"], judged["val"]),
        "example": chosen.example_table(judged["test"]),
    }


def _outcomes(run: Runner, reference: Reference, few: int | None) -> dict[str, str]:
    found = {}
    for name, pool in pools("test").items():
        if name not in reference.shifts:
            continue
        for design in (*outcomes.INDEPENDENT, *outcomes.DEPENDENT):
            tried = run(
                f"{name}, {design.dependence}",
                partial(outcomes.try_one, (design, pool, reference)),
                range(few or design.sets),
            )
            key = (name, design.name, design.dependence)
            found[key] = [each for each in tried if each is not None]
    independent = {key: each for key, each in found.items() if key[2] == outcomes.NO_DEPENDENCE}
    dependent = {key: each for key, each in found.items() if key not in independent}
    return {
        "outcomes": outcomes.tables(independent),
        "outcomes by label": outcomes.coverage_by_label(independent),
        "dependent outcomes": outcomes.tables(dependent),
    }


if __name__ == "__main__":
    main()
