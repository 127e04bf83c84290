import pytest

from messaging import clock


@pytest.fixture(autouse=True)
def patient_transactions(monkeypatch: pytest.MonkeyPatch) -> None:
    """A test's own transaction lasts as long as the test: on a busy machine longer than the engine's may."""
    monkeypatch.setattr(clock, "IDLE_LIMIT", "60s")
