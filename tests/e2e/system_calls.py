"""File system calls of a process and its children, traced by strace."""

import re
import shutil
from pathlib import Path

import pytest

needs_strace = pytest.mark.skipif(shutil.which("strace") is None, reason="strace is not installed")

_CALLS = "open,openat,openat2,creat,mkdir,mkdirat,mknod,memfd_create,rename,link,symlink"

_WRITING = re.compile("O_WRONLY|O_RDWR|O_CREAT|O_TMPFILE|creat\\(|mkdir|mknod|rename|link\\(")


def strace(trace: Path) -> tuple[str, ...]:
    """Return a command that runs another one and writes its trace to a file."""
    return ("strace", "-f", "-qq", "--seccomp-bpf", "-e", f"trace={_CALLS}", "-o", str(trace))


def opened_for_writing(trace: Path) -> list[str]:
    """Return the calls that open, create or move a file."""
    lines = trace.read_text(encoding="utf-8").splitlines()
    return [line for line in lines if _WRITING.search(line) and "/dev/null" not in line]
