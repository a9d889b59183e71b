"""Everyday photos: faces found, false alarms, accuracy by kind of picture, and cost.

    make bench-photos DATA=folder FACELESS=folder STRANGERS=folder

writes benchmarks/PHOTOS.md. DATA is as for training; only test pictures are used. FACELESS holds
photographs without faces, beside those that scikit-image and scikit-learn ship: for the committed
tables those of the Debian packages gnome-backgrounds, lomiri-wallpapers-20.04 and ukui-wallpapers.
STRANGERS is the folder that ``python -m benchmarks.strangers`` fills.

To choose between versions of the finder, use benchmarks.choosing instead.
"""

import platform
import subprocess
import sys
import tempfile
from collections.abc import Iterable, Iterator
from importlib.metadata import version
from pathlib import Path

import click
import numpy as np
import skimage
import sklearn
from numpy.typing import NDArray
from tqdm import tqdm

from benchmarks import harder, strangers_answers
from benchmarks.strangers import HALVES
from ethnicity.faces import find_faces
from ethnicity.frame import CHIP, whole_view
from ethnicity.geometry import Pixels, Transform, warp
from ethnicity.images import decode
from ethnicity.pipeline import Models, classify, load_models
from tests.unit.pictures import encode_oriented
from training.data import FaceSet, load_sets
from training.markdown import table
from training.scenes import Scene, paste, photographs
from training.sources import read_archive

PORTRAITS = Path(__file__).parents[1] / "tests" / "data"
RESULT = Path(__file__).with_name("PHOTOS.md")
Right = NDArray[np.bool_]
"""Whether each picture was judged right."""

SIDES = (24, 32, 48, 64, 96, 160, 320)
ANGLES = (0, 30, 60, 90)
PACKAGED = [Path(skimage.__file__).parent / "data", Path(sklearn.__file__).parent / "datasets"]
"""Folders of photographs that packages ship."""

_NOT_FACELESS = {"astronaut.png", "camera.png", "coins.png", "color.png"}
"""Left out: coins, which show heads, and a palette, which is not a photograph."""

_PORTRAITS = ("astronaut.jpg", "obama.jpg", "portrait.jpg")
_QUALITIES = (100, 95, 85, 75)


@click.command(help=__doc__)
@click.argument("data", type=click.Path(exists=True, file_okay=False, path_type=Path))
@click.option("--faceless", type=click.Path(exists=True, file_okay=False, path_type=Path))
@click.option(
    "--strangers",
    type=click.Path(exists=True, file_okay=False, path_type=Path),
    help="The photographs that benchmarks.strangers downloads.",
)
@click.option("--work", type=click.Path(file_okay=False, path_type=Path), default=Path(".training"))
@click.option("--count", default=250, show_default=True, help="Faces of each set in each cell.")
def main(data: Path, faceless: Path | None, strangers: Path | None, work: Path, count: int) -> None:
    """Measure, and write the tables."""
    models = load_models()
    tests = [each.part("test") for each in load_sets(data, work / "prepared")]
    folders = [*PACKAGED, *([faceless] if faceless else [])]
    grounds = faceless_photographs(folders)
    parts = [
        _head(models),
        _detection(models, tests, grounds, count),
        harder_faces(models, tests, grounds, count),
        _false_alarms(models, folders),
        *(strangers_answers.tables(models, strangers, HALVES) if strangers else []),
        _accuracy(models, tests, grounds, data),
        _orientations(models),
        _cost(),
    ]
    RESULT.write_text("\n".join(parts), encoding="utf-8")


def faceless_photographs(folders: list[Path]) -> list[Pixels]:
    """Photographs of 640 pixels to paste faces into."""
    return [
        picture
        for folder in folders
        for file, picture in photographs(folder, 640)
        if file.name not in _NOT_FACELESS
    ]


def _head(models: Models) -> str:
    packages = ("ai-edge-litert", "numpy", "opencv-python-headless", "simplejpeg")
    versions = ", ".join(f"{name} {version(name)}" for name in packages)
    return f"""# Photos as people take them

Written by `make bench-photos`; {platform.machine()}, Python {platform.python_version()},
{versions}; model {models.classifier.version}.
"""


def _scenes(
    tests: list[FaceSet], grounds: list[Pixels], count: int, side: int, angle: float
) -> Iterator[Scene]:
    """Faces of every set in turn, pasted into photographs of 640 pixels; the same at every call."""
    rng = np.random.default_rng((side, round(angle)))
    fitting = [each for each in grounds if min(each.shape[:2]) >= min(1.5 * side, 400)]
    for _ in range(count):
        for each in tests:
            face = each.pictures[rng.integers(len(each.pictures))]
            ground = fitting[rng.integers(len(fitting))]
            yield paste(face, side, angle * rng.choice([-1, 1]), ground, rng)


def _detection(models: Models, tests: list[FaceSet], grounds: list[Pixels], count: int) -> str:
    rows = []
    for side in SIDES:
        cells = []
        for angle in ANGLES if side in (64, 160) else ANGLES[:1]:
            scenes = tqdm(_scenes(tests, grounds, count, side, angle), total=2 * count)
            found = [_finds(models, scene) for scene in scenes]
            cells.append(f"{100 * np.mean(found):.1f} %")
        rows.append([f"{side} px", *cells, *["" for _ in ANGLES[len(cells) :]]])
    head = ["face crop of", "upright", *(f"turned by {angle}°" for angle in ANGLES[1:])]
    return f"""## Faces found

Test pictures of both sets, {2 * count} in each cell, pasted as squares of that size into
photographs of 640 pixels and compressed again. Found: a face centred within 0.3 sides of the true
place.

{table(head, rows)}
"""


def _finds(models: Models, scene: Scene) -> bool:
    return any(
        np.linalg.norm(face.corners.mean(axis=0) - scene.centre) < 0.3 * scene.side
        for face in find_faces(models.finder, scene.pixels)
    )


def _false_alarms(models: Models, folders: list[Path]) -> str:
    pictures, alarms, names = 0, 0, []
    for folder in folders:
        for file, picture in tqdm(photographs(folder, 1000), unit="photo"):
            if file.name in _NOT_FACELESS:
                continue
            faces = find_faces(models.finder, picture)
            pictures += 1
            alarms += len(faces)
            names += [f"`{file.name}`"] if faces else []
    listed = f": {', '.join(names)}." if names else "."
    return f"""## False faces

{alarms} in {pictures} photographs without faces, at 1,000 pixels{listed}
"""


def harder_faces(models: Models, sets: list[FaceSet], grounds: list[Pixels], count: int) -> str:
    """The table of harder faces that are found."""
    rows = []
    for name, make in harder.kinds().items():
        cells = []
        for each in sets:
            scenes = tqdm(make(each, grounds, count, np.random.default_rng(7)), name, total=count)
            cells.append(f"{100 * np.mean([_finds(models, scene) for scene in scenes]):.1f} %")
        rows.append([name, *cells])
    return f"""## Harder faces found

Pictures of both sets, {count} in each cell, chosen or changed, then pasted as squares of 96 to 160
pixels into photographs of 640 pixels and compressed again. A third of a cut face is outside.

{table(["faces", *(each.name for each in sets)], rows)}
"""


def _accuracy(models: Models, tests: list[FaceSet], grounds: list[Pixels], data: Path) -> str:
    rng = np.random.default_rng(1)
    large = dict(read_archive(data / "utk200.tar"))
    rows: list[tuple[str, Right, Right, Right]] = []
    for each in tests:
        own, served = _rights(models, each.label, map(_itself, each.pictures))
        rows.append((f"{each.name}, as they are", own, own, served))
        scenes = (
            paste(face, int(rng.integers(64, 321)), 0, grounds[rng.integers(len(grounds))], rng)
            for face in each.pictures
        )
        known = ((scene.pixels, _true_view(scene)) for scene in scenes)
        rows.append(
            (f"{each.name}, pasted at 64 to 320 px", own, *_rights(models, each.label, known))
        )
        also_large = np.array([file in large for file in each.files])
        if also_large.any():
            known = (_itself(large[file]) for file in each.files[also_large])
            rights = _rights(models, each.label[also_large], known)
            rows.append((f"{each.name} at 200 px, those that exist so", own[also_large], *rights))
    head = ["test pictures", "number", "the set's own picture", "true place", "through the service"]
    cells = [
        [
            name,
            str(len(own)),
            *(f"{100 * right.mean():.1f} %" for right in (own, ideal, served)),
            f"{100 * (served.mean() - ideal.mean()):+.1f}",
        ]
        for name, own, ideal, served in rows
    ]
    return f"""## Accuracy by kind of picture

Equal priors; a missed face counts as wrong. The set's own picture has 64 or 96 pixels. The true
place is the ideal crop: where the face is known to be in the picture that the service is given, cut
out of it and given to the classifier directly.

{table([*head, "points between"], cells)}
"""


def _itself(picture: Pixels) -> tuple[Pixels, Transform]:
    """A picture that is all face, and the transform to its chip."""
    height, width = picture.shape[:2]
    return picture, whole_view(width, height)


def _true_view(scene: Scene) -> Transform:
    """The transform to the chip of an upright face that was pasted."""
    to_chip = whole_view(scene.side, scene.side)
    to_chip[:, 2] -= to_chip[:, :2] @ (scene.centre - scene.side / 2)
    return to_chip


def _rights(
    models: Models, label: NDArray[np.int64], pictures: Iterable[tuple[Pixels, Transform]]
) -> tuple[Right, Right]:
    """Whether each picture's known face is judged right, and whether the face that is found."""
    rights = []
    for truth, (picture, to_chip) in zip(label, tqdm(pictures, unit="pic"), strict=True):
        chips = [warp(picture, to_chip, CHIP)]
        chips += [each.chip for each in find_faces(models.finder, picture)[:1]]
        judged = [models.classifier.judge(each).probabilities.argmax() for each in chips]
        rights.append([judged[0] == truth, judged[1:] == [truth]])
    known, found = np.array(rights).T
    return known, found


def _orientations(models: Models) -> str:
    """Portraits stored in all eight orientations, all displayed upright."""
    rows = []
    for name in _PORTRAITS:
        portrait = decode((PORTRAITS / name).read_bytes()).pixels
        stored = [
            [
                classify(models, encode_oriented(portrait, each, quality=quality)).faces[0]
                for each in range(1, 9)
            ]
            for quality in _QUALITIES
        ]
        answers = [np.array([face.probabilities for face in each]) for each in stored]
        off = [np.abs(each - each[0]).max() for each in answers]
        rows.append([name, *(f"{largest:.3f}" for largest in off)])
    head = ["", *(f"JPEG quality {quality}" for quality in _QUALITIES)]
    return f"""## EXIF orientation

The largest difference of any probability between a portrait stored upright and the same portrait
stored in one of the seven other orientations. The portrait is compressed again each time: at
quality 100 only rounding changes it, at lower qualities a little more.

{table(head, rows)}
"""


def _cost() -> str:
    """Measure a large photo in a separate process, so that its memory can be measured."""
    command = [sys.executable, "-m", "benchmarks.large_photo"]
    with tempfile.NamedTemporaryFile(suffix=".jpg") as file:
        subprocess.run(command, stdout=file, check=True)
        printed = subprocess.run([*command, file.name], stdout=subprocess.PIPE, check=True)
    return f"## A large photo\n\n{printed.stdout.decode()}"


if __name__ == "__main__":
    main()
