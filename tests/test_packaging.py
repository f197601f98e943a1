"""What goes with the code to those who install it."""

import email
import re
from importlib import metadata
from pathlib import Path

import pytest

import backproplite as bp

ROOT = Path(__file__).parents[1]


def test_the_version_is_the_same_everywhere():
    citation = (ROOT / "CITATION.cff").read_text(encoding="utf-8")
    assert re.search(r"^version: (.*)$", citation, re.MULTILINE)[1] == bp.__version__
    changes = (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")
    assert re.search(r"^## (\S+)", changes, re.MULTILINE)[1] == bp.__version__


def test_type_checkers_are_told_that_there_are_types():
    assert (Path(bp.__file__).parent / "py.typed").exists()


def installed():
    """Return the metadata of the package, if it is installed."""
    try:
        return email.message_from_string(
            metadata.distribution("backproplite").read_text("METADATA")
        )
    except metadata.PackageNotFoundError:
        pytest.skip("backproplite is not installed")


def test_the_metadata_say_what_it_is():
    fields = installed()
    assert fields["License-Expression"] == "MIT AND CC-BY-4.0"
    assert len(fields.get_all("License-File")) == 2
    needed = [each for each in fields.get_all("Requires-Dist") if "extra ==" not in each]
    assert needed == ["numpy>=2.0"]


def test_pypi_shows_the_readme_without_links_that_lead_nowhere():
    described = installed().get_payload()
    links = re.findall(r"\]\(([^)]*)\)|<img ", described)
    assert [link for link in links if not link.startswith(("https:", "#"))] == []
    assert "CONTRIBUTING.md says" in described
    assert described.startswith("# backproplite\n")
