"""The README as PyPI shows it: without the pictures and links that lead into the repository."""

import re
from pathlib import Path

from hatchling.metadata.plugin.interface import MetadataHookInterface

PICTURE = re.compile(r'(?:!\[[^]]*\]\((?!https?:)[^)]*\)|<img [^>]*src="(?!https?:)[^>]*>)\n*')
LINK = re.compile(r"\[([^]]*)\]\((?!https?:|#)[^)]*\)")


class CustomMetadataHook(MetadataHookInterface):
    """Puts the README into the metadata when a wheel or an sdist is built."""

    def update(self, metadata: dict) -> None:
        """Leave out what nobody could follow from PyPI."""
        text = Path(self.root, "README.md").read_text(encoding="utf-8")
        text = LINK.sub(r"\1", PICTURE.sub("", text))
        metadata["readme"] = {"content-type": "text/markdown", "text": text}
