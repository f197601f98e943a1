"""Scripts of the pages, run in Node: left out where there is none, unless it is required."""

import json
import os
import shutil
import subprocess

import pytest

from backproplite.seeing.pages.assembly import text

NODE = shutil.which("node")
#: Arrays of numbers become lists, and what JSON has no number for becomes text.
PLAIN = """const plain = (name, value) => ArrayBuffer.isView(value) ? [...value]
  : typeof value === "number" && !Number.isFinite(value) ? String(value) : value;"""


def run(files, expression, data=None):
    """What an expression in `data`, or a promise of it, comes to, given the scripts of some files."""
    if NODE is None:
        if os.environ.get("BACKPROPLITE_BROWSER") == "required":
            raise RuntimeError("no node, which is needed")
        pytest.skip("no node")
    script = [
        '"use strict";',
        *map(text, files),
        f"const data = {json.dumps(data, allow_nan=False)};",
        PLAIN,
        f"(async () => console.log(JSON.stringify(await ({expression}), plain)))();",
    ]
    done = subprocess.run(
        [NODE, "-"], input="\n".join(script), capture_output=True, encoding="utf-8", check=False
    )
    assert not done.returncode, done.stderr
    return json.loads(done.stdout)
