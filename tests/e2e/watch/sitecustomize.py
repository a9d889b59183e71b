"""Python imports this module first in a process that has this folder on its path.

It reports on stderr every file that the process opens for writing or creates in another way. An
audit hook sees all file operations of Python, including temporary files, and cannot be removed.
"""

import os
import sys

WRITES = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_APPEND | os.O_TRUNC

MAKES_A_FILE = {"os.link", "os.mkdir", "os.rename", "os.symlink", "tempfile.mkdtemp"}


def watch(event: str, arguments: tuple[object, ...]) -> None:
    flags = arguments[2] if event == "open" else None
    if event in MAKES_A_FILE or (isinstance(flags, int) and flags & WRITES):
        os.write(2, f"FILE WRITTEN: {event} {arguments[0]}\n".encode())


sys.addaudithook(watch)
