"""Fixtures of the unit tests: the committed models, loaded once, and a face."""

import io

import numpy as np
import pytest
from PIL import Image

from ethnicity.faces import Finder
from ethnicity.geometry import Pixels
from ethnicity.networks import Network
from ethnicity.pipeline import Models, load_models


@pytest.fixture(scope="session")
def models() -> Models:
    return load_models()


@pytest.fixture(scope="session")
def detector(models: Models) -> Network:
    return models.finder.detector


@pytest.fixture(scope="session")
def finder(models: Models) -> Finder:
    return models.finder


@pytest.fixture(scope="session")
def portrait_pixels(astronaut: bytes) -> Pixels:
    """The astronaut's picture, 512×512, decoded by Pillow, independently of the service."""
    pixels = np.array(Image.open(io.BytesIO(astronaut)).convert("RGB"))
    pixels.setflags(write=False)
    return pixels


@pytest.fixture(scope="session")
def small_pixels(portrait_pixels: Pixels) -> Pixels:
    """The middle of the astronaut's picture, 120×96: quick to encode many times."""
    image = Image.fromarray(portrait_pixels).crop((120, 40, 360, 232)).resize((120, 96))
    return np.array(image)
