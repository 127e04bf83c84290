"""Reading the contacts' page as a contact does."""

import re

import pytest
from django.test import Client

from messaging.database import clock


def text_of_page(token: str, path: str = "", **headers: str) -> str:
    """The words of the page behind a token, without markup."""
    answer = Client().get(f"/a/{token}{path}", headers=headers)
    assert answer.status_code == 200
    return re.sub(r"\s+", " ", re.sub(r"<[^>]+>", "", answer.content.decode()))


def within_one_window(monkeypatch: pytest.MonkeyPatch) -> None:
    """Stop the clock, so that no new window of a limit begins while a test counts requests."""
    now = clock.now()
    monkeypatch.setattr(clock, "now", lambda: now)
