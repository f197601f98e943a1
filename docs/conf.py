"""How the documentation is built: `python -m sphinx -W --keep-going -b html docs docs/_build/html`.

Every page is executed on the way, and nothing is downloaded.
"""

import os
import sys
from pathlib import Path

import backproplite

HERE = Path(__file__).parent
sys.path.insert(0, str(HERE / "_ext"))
os.environ["MATPLOTLIBRC"] = str(HERE / "matplotlibrc")  # the kernels that run the pages inherit it

project = "backproplite"
author = "The backproplite maintainers"
copyright = "the backproplite maintainers"
version = release = backproplite.__version__

extensions = [
    "myst_nb",
    "sphinx.ext.autodoc",
    "sphinx.ext.napoleon",
    "sphinx.ext.viewcode",
    "mathml",
    "pages",
    "reference",
    "streams",
]
exclude_patterns = ["_build"]
myst_enable_extensions = ["colon_fence", "deflist", "dollarmath"]
myst_heading_anchors = 3

# Run every page afresh: a kept result would not notice that the library has changed.
nb_execution_mode = "force"
nb_execution_raise_on_error = True
nb_execution_timeout = 180
nb_execution_in_temp = True
nb_merge_streams = True
nb_output_stderr = "warn"  # and a warning ends the build

autodoc_default_options = {"members": True, "special-members": "__call__"}
autodoc_member_order = "bysource"
autodoc_typehints = "none"  # the docstrings say it in words
napoleon_google_docstring = False
napoleon_custom_sections = [("Attributes", "params_style"), "Written lines"]
napoleon_use_rtype = False
napoleon_use_param = False  # so that "X, y" stay together
napoleon_preprocess_types = False
default_role = "py:obj"
add_module_names = False
toc_object_entries_show_parents = "hide"
viewcode_line_numbers = True

html_theme = "furo"
html_title = f"backproplite {release}"
html_static_path = ["_static"]
html_css_files = ["style.css"]
html_favicon = "_static/favicon.svg"
html_math_renderer = "mathml"
html_copy_source = False
html_show_sourcelink = False
