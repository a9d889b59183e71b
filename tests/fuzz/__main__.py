"""Look for bytes that make the service fail, guided by the Python code that they reach.

    python -m tests.fuzz FOLDER SECONDS

Inputs that reach new code are kept in FOLDER/corpus. Inputs that raise, take more than five seconds
(ten times as long as the service takes, to allow for tracing) or a gigabyte are left in FOLDER, and
end the run with a nonzero status.
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
sys.stdout = Path(os.devnull).open("w")  # noqa: SIM115 - discards the function's log
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
