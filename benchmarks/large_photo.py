"""Time and memory of a 12-megapixel photo of 4.4 MB, beside decoding it alone, as a table."""

import re
import statistics
import time
from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import simplejpeg

from ethnicity.pipeline import classify, load_models
from training import markdown

PORTRAIT = Path(__file__).parents[1] / "tests" / "data" / "obama.jpg"
_RUNS = 15


def photo() -> bytes:
    """The portrait enlarged to 4000 by 3000 pixels, with a sensor's noise: about 4.4 MB."""
    portrait = np.asarray(cv2.imread(str(PORTRAIT)), np.uint8)
    large = cv2.resize(portrait[:420], (4000, 3000), interpolation=cv2.INTER_CUBIC)
    noise = np.random.default_rng(0).normal(0, 4.2, large.shape)
    noisy = np.clip(large + noise, 0, 255).astype(np.uint8)
    _, encoded = cv2.imencode(".jpg", noisy, (cv2.IMWRITE_JPEG_QUALITY, 96))
    return encoded.tobytes()


def seconds(call: Callable[[], object]) -> float:
    """The time that one call takes."""
    start = time.perf_counter()
    call()
    return time.perf_counter() - start


def _memory(name: str) -> int:
    """A field of this process's status in KiB: VmRSS is its memory now, VmHWM at its peak."""
    (found,) = re.findall(rf"{name}:\s*(\d+) kB", Path("/proc/self/status").read_text())
    return int(found)


def table(data: bytes) -> str:
    """Median times and the ratio, the two measured in turn; then the memory above idle."""
    models = load_models()
    classify(models, PORTRAIT.read_bytes())
    idle = _memory("VmRSS")
    classify(models, data)
    peak = _memory("VmHWM")
    decoding, whole = [], []
    for _ in range(_RUNS):
        decoding.append(seconds(lambda: simplejpeg.decode_jpeg(data, min_width=1000, min_factor=2)))
        whole.append(seconds(lambda: classify(models, data)))
    ratio = statistics.median(b / a for a, b in zip(decoding, whole, strict=True))
    head = [f"a photo of 4000 × 3000 pixels, {len(data) / 1e6:.1f} MB", ""]
    rows = {
        "decoding alone, at the reduced scale": f"{1000 * statistics.median(decoding):.0f} ms",
        "decoding, finding and judging the face": f"{1000 * statistics.median(whole):.0f} ms",
        f"ratio, median of {_RUNS} pairs": f"{ratio:.2f}",
        "memory above idle, at its peak": f"{(peak - idle) / 1024:.0f} MB",
    }
    return markdown.table(head, [[name, value] for name, value in rows.items()])


if __name__ == "__main__":
    import sys

    if sys.argv[1:]:
        print(table(Path(sys.argv[1]).read_bytes()))
    else:
        sys.stdout.buffer.write(photo())
