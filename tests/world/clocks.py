"""A wall clock of its own for a process: libfaketime shifts the time it reads, not the time it waits."""

from pathlib import Path

from deploy.local import clocks


def shifted(seconds: float) -> dict[str, str]:
    """The environment of a process whose wall clock is this many seconds ahead, or behind if negative."""
    return {
        "LD_PRELOAD": str(clocks.library()),
        "FAKETIME": f"{seconds:+f}s",
        "FAKETIME_DONT_FAKE_MONOTONIC": "1",
        "PYTHONPATH": str(Path(__file__).parent / "skewed"),
    }
