"""Pages that live: a step to walk through and change, and a network to watch as it learns.

`step_page` and `playground` are the two pages. Each gives a `plan`, which is a network as plain
data, to `assembly`, which puts it and the scripts into a template of `step/` or `play/`. In a plan
are the `computed` lines, tried in `trying` against their code; the scripts of `engine/` compute by
them in the page. What a playground offers besides is in `play_data`.
"""

from .step_page import step_page

__all__ = ["step_page"]
