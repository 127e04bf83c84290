"""The settings of an installation whose processes can be struck at any step (tests/faults/injection.py)."""

from config.settings import *  # noqa: F403

INSTALLED_APPS = [*INSTALLED_APPS, "tests.faults.injection.StruckHere"]  # noqa: F405
