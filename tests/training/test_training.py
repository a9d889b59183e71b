"""Every stage of `make train`, from archives to served files, on a tiny data set."""

import csv
from dataclasses import replace
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
import tensorflow as tf
from click.testing import CliRunner

from ethnicity.audit.prevalence import load_reference
from ethnicity.geometry import Pixels
from ethnicity.networks import load_network
from ethnicity.pipeline import VERIFIER_FILE, classify, load_models
from training import baselines
from training.__main__ import main
from training.augment import training_crop
from training.baselines import Baseline
from training.data import AGE_BANDS, load_sets
from training.evaluate import MODELS
from training.generations import train_generations
from training.train import Recipe, is_finished, train
from training.verifier import main as train_verifier


def smiley(grey: int) -> Pixels:
    """A drawn face on a ground of that grey."""
    drawn = np.full((400, 400, 3), grey, np.uint8)
    cv2.ellipse(drawn, (200, 200), (90, 120), 0, 0, 360, (150, 180, 225), -1)
    for x in (165, 235):
        cv2.ellipse(drawn, (x, 170), (16, 9), 0, 0, 360, (40, 40, 60), -1)
    cv2.ellipse(drawn, (200, 215), (10, 16), 0, 0, 360, (110, 140, 190), -1)
    cv2.ellipse(drawn, (200, 265), (34, 11), 0, 0, 360, (70, 60, 160), -1)
    return drawn


def test_every_stage_runs_and_leaves_a_model_that_the_service_can_load(
    data: Path, astronaut: bytes, tmp_path: Path
) -> None:
    arguments = [str(data), "--quick", "--work", str(tmp_path / "work")]
    result = CliRunner().invoke(
        main, [*arguments, "--out", str(tmp_path / "out")], catch_exceptions=False
    )
    assert result.exit_code == 0
    models = load_models(tmp_path / "out" / MODELS)
    found = classify(models, astronaut)
    assert found.model == models.classifier.version
    assert load_reference(tmp_path / "out" / MODELS).model == found.model
    assert f"classifier, {found.model}" in (tmp_path / "out" / "MODEL_CARD.md").read_text("utf-8")
    assert list((tmp_path / "out" / "evaluation").glob("*.svg"))

    # AND what it learnt by is told, of every epoch
    for generation in ("generation-0", "generation-1", "generation-2"):
        history = tmp_path / "work" / "quick" / generation / "history.csv"
        epochs = csv.DictReader(history.read_text("utf-8").splitlines())
        assert [float(epoch["loss"]) > 0 for epoch in epochs] == [True, True]

    # AND the network alone is enough to calibrate and measure anew
    described = tmp_path / "out" / MODELS / "classifier.json"
    before = described.read_bytes()
    described.unlink()
    arguments += ["--calibrate", "--out", str(tmp_path / "out")]
    assert CliRunner().invoke(main, arguments, catch_exceptions=False).exit_code == 0
    assert described.read_bytes() == before


def test_a_cross_fitted_teacher_has_not_seen_the_pictures_that_it_answers_for(
    data: Path, tmp_path: Path
) -> None:
    # GIVEN two training pictures that belong together
    faces, _ = load_sets(data, tmp_path)
    training = np.flatnonzero(faces.split == "train")
    one, other = training[:2]
    faces.group[other] = faces.group[one]
    half = Recipe(width=8, epochs=3, batch=4, average_decay=0.5)
    recipes = [replace(half, half=0), replace(half, half=1), replace(half, teachers=(0, 1))]

    # WHEN their labels change places
    swapped = replace(faces, label=faces.label.copy())
    swapped.label[[one, other]] = faces.label[[other, one]]
    answers = []
    for name, each in (("given", faces), ("swapped", swapped)):
        train_generations([each], recipes, tmp_path / name)
        answers.append(np.load(tmp_path / name / "generation-2" / "answers-utkface.npy"))
    change = np.abs(answers[1] - answers[0]).max(axis=1)

    # THEN the answers for others change, while theirs do not
    assert change.max() > 0.01
    assert change[:2].max() < 1e-4


def test_networks_for_comparison_are_judged_on_the_test_pictures_of_both_sets(
    data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    tiny = Baseline("tiny, on UTKFace", ("utkface",), Recipe(width=8, epochs=2, batch=16))
    monkeypatch.setattr(baselines, "BASELINES", (tiny,))
    arguments = [str(data), "--work", str(tmp_path / "work"), "--out", str(tmp_path)]

    result = CliRunner().invoke(baselines.main, arguments, catch_exceptions=False)

    assert result.exit_code == 0
    labels = {each.name: each.part("test").label for each in load_sets(data, tmp_path / "work")}
    report = baselines.report(tmp_path / baselines.GUESSES, labels)
    assert list(report) == ["tiny, on UTKFace"]
    for figures in report["tiny, on UTKFace"].values():
        assert 0 <= figures["recall_of_others"] <= 1
        assert 0 <= figures["accuracy"] <= 1

    # AND nothing is said of other test pictures, as many or fewer
    others = {"utkface": labels["utkface"][::-1], "fairface": labels["fairface"][1:]}
    assert baselines.report(tmp_path / baselines.GUESSES, others) == {}
    assert baselines.report(tmp_path / baselines.GUESSES, {}) == {}


def test_a_run_that_was_cut_short_goes_on_with_the_batches_that_it_has_not_seen(
    data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    sets = load_sets(data, tmp_path)
    recipe = Recipe(width=8, epochs=3, batch=16)
    run = tmp_path / "cut"
    seen: list[bytes] = []
    broken = False

    def watched(*arguments: Any) -> Pixels:
        if broken and (run / "backup").exists():
            raise OSError
        crop = training_crop(*arguments)
        seen.append(crop.tobytes())
        return crop

    monkeypatch.setattr("training.train.training_crop", watched)
    train(sets, recipe, tmp_path / "whole")
    of_a_whole_run = seen.copy()

    # GIVEN a run that ended in the second of three epochs
    broken = True
    with pytest.raises(tf.errors.OpError):
        train(sets, recipe, run)
    assert not is_finished(run)

    # WHEN it is started again
    broken = False
    seen.clear()
    train(sets, recipe, run)

    # THEN it sees what a whole run sees from there on, at last to measure the normalisation
    left = 3 * 48
    assert is_finished(run)
    assert seen[-left:] == of_a_whole_run[-left:]
    assert len(seen) < len(of_a_whole_run)


def test_the_verifier_learns_to_tell_faces_from_what_is_taken_for_one(
    data: Path, tmp_path: Path
) -> None:
    # GIVEN pictures without a face in which the detector sees one
    faceless = data / "faceless"
    faceless.mkdir()
    for index, grey in enumerate(range(40, 220, 20)):
        cv2.imwrite(str(faceless / f"{index}.png"), smiley(grey))
    arguments = [str(data), "--quick", "--work", str(tmp_path), "--out", str(tmp_path)]

    result = CliRunner().invoke(train_verifier, arguments, catch_exceptions=False)

    assert result.exit_code == 0
    verifier = load_network(VERIFIER_FILE, tmp_path / MODELS)
    with np.load(tmp_path / "verifier.npz") as views:
        scores = {
            name: np.mean([[*verifier(view.astype(np.float32)).values()] for view in views[name]])
            for name in ("faces", "others")
        }
    assert scores["faces"] > scores["others"]


def test_ages_of_both_sets_fall_into_the_same_bands(data: Path, tmp_path: Path) -> None:
    utkface, fairface = load_sets(data, tmp_path)
    assert {AGE_BANDS[age] for age in utkface.age} == set(AGE_BANDS) - {"60-69", "70+"}
    assert {AGE_BANDS[age] for age in fairface.age} == {"20-29"}
    assert (utkface.origin == -1).all()
