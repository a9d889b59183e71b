"""Every stage of `make train`, from archives to served files, on a tiny data set."""

import csv
import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest
import simplejpeg
import tensorflow as tf
from click.testing import CliRunner

from ethnicity.audit.prevalence import load_reference
from ethnicity.faces import find_faces
from ethnicity.geometry import Pixels
from ethnicity.images import decode
from ethnicity.pipeline import classify, load_models
from training import baselines
from training.__main__ import main
from training.augment import training_crop
from training.baselines import Baseline
from training.data import AGE_BANDS, load_sets
from training.evaluate import MODELS
from training.face_output import refit_face_output
from training.generations import train_generations
from training.networks import FEATURES, face_resnet
from training.no_faces import load_no_faces
from training.pretrained import load_face_weights
from training.train import (
    Material,
    Recipe,
    build,
    is_finished,
    predict_logits,
    train,
    whole_pictures,
)


def chip_of(picture: bytes) -> bytes:
    """A picture's face in its frame, as a JPEG.

    The finder takes it whole, so that the verdict of a hardly trained network does not matter.
    """
    pixels = decode(picture).pixels
    (face,) = find_faces(load_models().finder, pixels)
    return bytes(simplejpeg.encode_jpeg(face.chip))


def test_every_stage_runs_and_makes_a_model_that_the_service_can_load(
    data: Path, astronaut: bytes, tmp_path: Path
) -> None:
    arguments = [str(data), "--quick", "--work", str(tmp_path / "work")]
    result = CliRunner().invoke(
        main, [*arguments, "--out", str(tmp_path / "out")], catch_exceptions=False
    )
    assert result.exit_code == 0
    models = load_models(tmp_path / "out" / MODELS)
    found = classify(models, chip_of(astronaut))
    assert found.model == models.classifier.version
    assert load_reference(tmp_path / "out" / MODELS).model == found.model
    assert f"classifier, {found.model}" in (tmp_path / "out" / "MODEL_CARD.md").read_text("utf-8")
    assert list((tmp_path / "out" / "evaluation").glob("*.svg"))

    # AND what it learnt by is told, of every epoch
    for generation in ("generation-0", "generation-1", "generation-2"):
        history = tmp_path / "work" / "quick" / generation / "history.csv"
        epochs = csv.DictReader(history.read_text("utf-8").splitlines())
        assert [float(epoch["loss"]) > 0 for epoch in epochs] == [True, True]

    # AND the network alone is enough to calibrate and measure again
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
        train_generations(Material([each]), recipes, tmp_path / name, tmp_path)
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


def test_an_interrupted_run_resumes_with_the_remaining_batches(
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
    train(Material(sets), recipe, tmp_path / "whole")
    of_a_whole_run = seen.copy()

    # GIVEN a run that ended in the second of three epochs
    broken = True
    with pytest.raises(tf.errors.OpError):
        train(Material(sets), recipe, run)
    assert not is_finished(run)

    # WHEN it is started again
    broken = False
    seen.clear()
    train(Material(sets), recipe, run)

    # THEN it sees what a whole run sees from there on, and in the end it measures the normalisation
    left = 3 * 48
    assert is_finished(run)
    assert seen[-left:] == of_a_whole_run[-left:]
    assert len(seen) < len(of_a_whole_run)


def test_the_classifier_learns_to_reject_false_proposals(data: Path, tmp_path: Path) -> None:
    sets = load_sets(data, tmp_path)
    no_faces = load_no_faces(data, tmp_path)
    assert no_faces is not None
    recipe = Recipe(width=8, epochs=6, batch=16, average_decay=0.9, no_faces=0.5)

    classifier = train(Material(sets, no_faces), recipe, tmp_path / "run")

    faces = whole_pictures(sets[0].part("test"))
    log_odds = [predict_logits(classifier, views)[:, -1].mean() for views in (faces, no_faces)]
    assert log_odds[0] > log_odds[1]


def test_the_sixth_output_is_fitted_again_and_the_labels_stay(data: Path, tmp_path: Path) -> None:
    # GIVEN a network whose sixth output has learnt nothing
    sets = load_sets(data, tmp_path)
    no_faces = load_no_faces(data, tmp_path)
    assert no_faces is not None
    classifier = build(Recipe(width=8, no_faces=0.5))
    faces = whole_pictures(sets[0].part("test"))
    before = predict_logits(classifier, faces)

    # WHEN that output is fitted again
    refit_face_output(classifier, sets, no_faces)

    # THEN it separates faces from others, within the range of the labels' logits
    after = predict_logits(classifier, faces)
    np.testing.assert_array_equal(after[:, :-1], before[:, :-1])
    assert after[:, -1].mean() > predict_logits(classifier, no_faces)[:, -1].mean()
    assert np.abs(after[:, -1]).max() < 2 * np.abs(after[:, :-1]).max()


def test_a_pretrained_networks_answers_do_not_depend_on_the_faces_for_normalisation(
    tmp_path: Path,
) -> None:
    # GIVEN weights as the package has them
    rng = np.random.default_rng(0)
    network = face_resnet(118)
    about: list[dict[str, Any]] = []
    content = b""
    for layer in network.layers:
        if not isinstance(layer, keras.layers.Conv2D):
            continue
        place = f"convolution{len(about)}"
        filters = tuple(layer.kernel.shape)
        shapes = {
            "conv/filters": filters,
            "scale/weights": filters[-1:],
            "scale/biases": filters[-1:],
        }
        for name, shape in shapes.items():
            least = 0.5 if name == "scale/weights" else -0.1
            scale = {"dtype": "uint8", "scale": 0.2 / 255, "min": least}
            about.append({"name": f"{place}/{name}", "shape": shape, "quantization": scale})
            content += rng.integers(256, size=shape, dtype=np.uint8).tobytes()
    name = "face_recognition_model"
    (tmp_path / f"{name}.bin").write_bytes(content)
    manifest = [{"paths": [f"{name}.bin"], "weights": about}]
    (tmp_path / f"{name}-weights_manifest.json").write_text(json.dumps(manifest))

    # WHEN normalisation is measured on dark pictures, or on bright ones
    features = keras.Model(network.input, network.get_layer(FEATURES).output)
    shown = rng.integers(256, size=(4, 118, 118, 3), dtype=np.uint8)
    answers = []
    for brightness in (0.2, 1):
        typical = (rng.integers(256, size=(8, 118, 118, 3)) * brightness).astype(np.uint8)
        load_face_weights(network, tmp_path, typical)
        answers.append(features.predict(shown, verbose=0))

    # THEN it makes no difference
    assert answers[0].std() > 0
    assert np.allclose(answers[0], answers[1], rtol=1e-2, atol=1e-3 * np.abs(answers[0]).max())


def test_ages_of_both_sets_fall_into_the_same_bands(data: Path, tmp_path: Path) -> None:
    utkface, fairface = load_sets(data, tmp_path)
    assert {AGE_BANDS[age] for age in utkface.age} == set(AGE_BANDS) - {"60-69", "70+"}
    assert {AGE_BANDS[age] for age in fairface.age} == {"20-29"}
    assert (utkface.origin == -1).all()
