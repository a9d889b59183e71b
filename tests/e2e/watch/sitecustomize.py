"""Python imports this before anything else of a process that has this folder on its path.

It tells on stderr what the process opens for writing, or makes in another way. An audit hook sees
all that Python does itself, temporary files included, and cannot be taken away again.
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
