"""Draw the pictures of README.md anew: `python docs/pictures.py`, where Chromium is installed.

They are what the code and the commands in README.md make, and a playground on the two moons
after 150 epochs, on 256 colours.
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
TRAINED = "<script>backproplite.step(150)</script>\n</body>"


def keep(picture: Path) -> None:
    """Write a picture to where README.md looks for it."""
    image = Image.open(picture).convert("RGB")
    image = image.quantize(256, Image.Quantize.MAXCOVERAGE, dither=Image.Dither.NONE)
    image.save(HERE / "_static" / picture.name, optimize=True)


def keep_page(page: Path, size: str, place: str = "") -> None:
    """Keep a picture of a page in a window of this size, at a place of the page."""
    picture = page.with_suffix(".png")
    browser = next(filter(None, map(shutil.which, BROWSERS)))
    flags = "headless", "no-sandbox", "hide-scrollbars", "force-device-scale-factor=1.5"
    given = *flags, "virtual-time-budget=3000", f"window-size={size}", f"screenshot={picture}"
    subprocess.run([browser, *(f"--{flag}" for flag in given), page.as_uri() + place], check=True)
    keep(picture)


with TemporaryDirectory() as folder:
    step, play, xor = (Path(folder, name) for name in ("step.html", "play.html", "xor.png"))
    subprocess.run([sys.executable, "-m", "backproplite", "xor", "--plot", xor], check=True)
    keep(xor)

    names = {"bp": bp}
    exec(TRACED, names)
    names["step"].to_html(step)
    keep_page(step, "1000,700", f"#{BACKWARD}")

    layers = bp.Dense(2, 6), bp.Tanh(), bp.Dense(6, 4), bp.Tanh(), bp.Dense(4, 1)
    network = bp.Network(layers, bp.SigmoidCrossEntropy(), bp.Adam(0.03), seed=1)
    html = bp.playground(network, *bp.datasets.moons()).html
    play.write_text(html.replace("</body>", TRAINED), encoding="utf-8")
    keep_page(play, "1280,720")
