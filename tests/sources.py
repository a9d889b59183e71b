"""Sources of pictures that fail."""

import os

from ethnicity.audit.sources import Folder, Listed


class Deadly(Folder):
    """A folder in which a picture with a certain name crashes the process."""

    def read(self, listed: Listed) -> bytes:
        if listed.name.endswith("deadly.jpg"):
            os._exit(1)
        return super().read(listed)
