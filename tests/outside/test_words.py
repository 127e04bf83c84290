"""Links, codes and texts as phones and people write them."""

from typing import Any

import pytest
from django.test import Client
from rest_framework.exceptions import ValidationError

from identity.models import User
from identity.verification.serializers import CodeField
from messaging.segments import count_segments, is_gsm
from messaging.texts import plain, render
from tests.alerts.conftest import Contacts, app
from tests.alerts.engine import messages, text_of

TYPED = [
    "123456",
    "123 456",
    " 123456 ",
    "123-456",
    "12 34 56",
    "123\u00a0456",
    "1.2.3.4.5.6",
    "１２３４５６",
    "١٢٣٤٥٦",
]
MARKS = [".", "/", ",", ")", "!", "…", "»", "'", '"', "?", ";", ":", ").", "/.", "//", " ", ">", "\u200b", "%0A"]


@pytest.mark.parametrize("mark", MARKS)
def test_a_link_opens_with_the_marks_that_follow_it(token: str, mark: str) -> None:
    page = Client().get(f"/a/{token}{mark}")
    assert page.status_code == 200
    # The page sends its answers to the link itself.
    assert f'action="/a/{token}/answer"' in page.content.decode()


@pytest.mark.parametrize("mark", [".", "/", "…"])
def test_marks_open_no_wrong_link(token: str, mark: str) -> None:
    for wrong in (f"{token[:-1]}{mark}", f"{token}A{mark}", mark, f"{token}{mark}answer{mark}"):
        assert Client().get(f"/a/{wrong}").status_code == 404


@pytest.mark.parametrize("typed", TYPED)
def test_a_code_counts_however_it_is_typed(typed: str) -> None:
    assert CodeField(r"^[0-9]{6}$").run_validation(typed) == "123456"


@pytest.mark.parametrize("typed", ["12345", "1234567", "12345a", "", "      ", "1" * 100_000, "½23456", None, [], True])
def test_another_text_is_no_code(typed: Any) -> None:
    with pytest.raises(ValidationError):
        CodeField(r"^[0-9]{6}$").run_validation(typed)


@pytest.mark.parametrize(
    ("written", "sent"),
    [
        ("Ana’s “friend” – call…", 'Ana\'s "friend" - call...'),
        ("l‘été\u00a0— «non»", 'l\'été - "non"'),
        # Other letters need UCS-2 in any case: then the marks stay.
        ("Айгүл – “дос”…", "Айгүл – “дос”…"),
        ("Ana 😀 –", "Ana 😀 –"),
    ],
)
def test_typographic_marks_do_not_halve_an_english_sms(written: str, sent: str) -> None:
    assert plain(written) == sent
    assert render(lambda: written, language="en") == sent


def test_a_name_with_an_apostrophe_keeps_the_words_of_an_sos(ana: User, contacts: Contacts) -> None:
    User.objects.filter(id=ana.id).update(first_name="O’Brien–Smith", last_name="D’Arcy")
    ana.refresh_from_db()
    contacts("Aida")
    alert = app(ana).post("/api/v1/sos-alerts/", {}, format="json").json()["id"]
    text = text_of(messages(alert)[0])
    assert is_gsm(text)
    assert (count_segments(text), "O'Brien-Smith D'Arcy needs help" in text, "+996555123456" in text) == (1, True, True)
