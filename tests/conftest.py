"""Settings for all tests.

Examples are the same in every run, so that a run can be repeated; for new ones:
`pytest --hypothesis-profile=explore`.
"""

from hypothesis import settings

settings.register_profile("explore", deadline=None)
settings.register_profile("repeatable", deadline=None, derandomize=True)
settings.load_profile("repeatable")
