"""Look for bytes that the service cannot bear, guided by the Python code that they reach.

    python -m tests.fuzz FOLDER SECONDS

Inputs that reach something new are kept in FOLDER/corpus; those that raise, take more than five
seconds (ten times what the service takes, for the tracing) or a gigabyte are left in FOLDER, and
end the run with another status than 0.
"""

import os
import sys
from pathlib import Path

import atheris

CORPUS = Path(__file__).parent / "corpus"

TRACED = ["common", "ethnicity", "mangum", "predict", "python_multipart", "starlette"]

folder, seconds = Path(sys.argv[1]), int(sys.argv[2])
kept = folder / "corpus"
kept.mkdir(parents=True, exist_ok=True)
sys.stdout = Path(os.devnull).open("w")  # noqa: SIM115 - the function's log, for good
with atheris.instrument_imports(include=TRACED):
    from tests.fuzz.target import serve

OPTIONS = (
    f"-max_total_time={seconds}",
    f"-artifact_prefix={folder}/",
    "-max_len=20000",
    "-timeout=5",
    "-rss_limit_mb=1024",
    "-print_final_stats=1",
)

atheris.Setup([sys.argv[0], *OPTIONS, str(kept), str(CORPUS)], lambda data: serve(data) and None)
atheris.Fuzz()
