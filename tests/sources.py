"""Sources of pictures that do not behave."""

import os

from ethnicity.audit.sources import Folder, Listed


class Deadly(Folder):
    """A folder in which a picture of a certain name takes the process with it."""

    def read(self, listed: Listed) -> bytes:
        if listed.name.endswith("deadly.jpg"):
            os._exit(1)
        return super().read(listed)
