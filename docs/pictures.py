"""Draw the pictures of README.md anew: `python docs/pictures.py`, where Chromium is installed.

They are what the code and the commands in README.md make, on 128 colours.
"""

import re
import shutil
import subprocess
import sys
from pathlib import Path
from tempfile import TemporaryDirectory

from PIL import Image

import backproplite as bp

HERE = Path(__file__).parent
BROWSERS = "chromium", "chromium-browser", "google-chrome"
README = (HERE.parent / "README.md").read_text(encoding="utf-8")
TRACED = re.search(r"```python\n([^`]*)^print\(step\)", README, re.MULTILINE)[1]
BACKWARD = 10  # the stage that is shown: back through the hidden layer


def keep(picture: Path) -> None:
    """Write a picture to where README.md looks for it."""
    image = Image.open(picture).convert("RGB")
    image = image.quantize(128, Image.Quantize.MAXCOVERAGE, dither=Image.Dither.NONE)
    image.save(HERE / "_static" / picture.name, optimize=True)


with TemporaryDirectory() as folder:
    step, xor = Path(folder, "step.png"), Path(folder, "xor.png")
    subprocess.run([sys.executable, "-m", "backproplite", "xor", "--plot", xor], check=True)
    keep(xor)

    names = {"bp": bp}
    exec(TRACED, names)
    page = step.with_suffix(".html")
    names["step"].to_html(page)
    browser = next(filter(None, map(shutil.which, BROWSERS)))
    flags = "headless", "no-sandbox", "hide-scrollbars", "force-device-scale-factor=1.5"
    settings = [f"--{flag}" for flag in (*flags, "window-size=1000,746", f"screenshot={step}")]
    subprocess.run([browser, *settings, f"{page.as_uri()}#{BACKWARD}"], check=True)
    keep(step)
