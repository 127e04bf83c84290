"""A name may be anybody's real name, and nothing that a phone makes a link or a number of."""

import re
import unicodedata
from typing import Any

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from rest_framework.exceptions import ValidationError

from identity import names
from identity.api.fields import NameField
from identity.models import User
from tests.identity.phones import App

REAL = [
    "Аида Асанова",
    "Өскөнбаева Ыйман",
    "Ж. Кыдырбаева",
    "А. Асанова",
    "Дж. Р. Р. Толкин",
    "J. R. R. Tolkien",
    "J.-P. Belmondo",
    "Martin Luther King Jr.",
    "O'Brien",
    "O\u2019Brien",
    "Оʼзбек",
    "Jean-Luc",
    "al-Khwārizmī",
    "Müller",
    "Nguyễn Thị Ánh",
    "مه\u200cرداد",  # Persian needs the joiner.
    "क्\u200dष",
    "王小明",
    "𠮷田",
    "\U00031350",  # An ideograph that this Python does not know.
    "김철수",
    "Ćosić",
    "Cốc",
    "Testa",
]
# Roughly what Android's Linkify and iOS's data detectors look for: a dot between letters, a scheme, an @, digits.
LINK = re.compile(r"\w\.\w|[/:@\d]|\bwww\b\.", re.UNICODE)


def typed(name: str, **options: Any) -> str:
    return str(NameField(max_length=200, **options).run_validation(name))


def refused(name: str) -> str:
    with pytest.raises(ValidationError) as error:
        typed(name)
    codes: Any = error.value.get_codes()
    return str(codes[0])


@pytest.mark.parametrize("name", REAL)
def test_real_names_stay_as_they_are(name: str) -> None:
    assert typed(name) == name
    assert names.in_text(name) == name.replace("\u2019", "'").replace("ʼ", "'")


@pytest.mark.parametrize(
    ("pasted", "stored"),
    [
        ("Ж.Кыдырбаева", "Ж. Кыдырбаева"),
        ("J.R.R.Tolkien", "J. R. R. Tolkien"),
        ("x.com", "x. com"),
        ("\u202aAida\u202c \u2068Asanova\u2069", "Aida Asanova"),
        ("\ufeffAi\u00adda\u200b\u200f", "Aida"),
        ("Ai\u200dda\u3164\u2800", "Aida"),
        ("Aida\ufe0f\U000e0067", "Aida"),
        ("Jean\u2011Luc", "Jean-Luc"),
        ("O`Brien", "O'Brien"),
        ("и\u0306", "й"),
        ("Gal·la", "Gal la"),
    ],
)
def test_what_phones_paste_along_is_dropped(pasted: str, stored: str) -> None:
    assert typed(pasted) == stored


@pytest.mark.parametrize("emoji", ["❤️", "👩🏽", "👩‍👩‍👧‍👦", "🇰🇬", "\U0001fae8", "\U0001faf6", "\U0001fadf", "🆘"])
def test_emoji_stay_out_of_an_sms_and_are_not_refused(emoji: str) -> None:
    """Refused before: U+1FAE8 (Unicode 15) and whatever is newer than the installed Python."""
    assert typed(f"Mama {emoji}").startswith("Mama ")
    assert names.in_text(typed(f"Mama {emoji}")) == "Mama"
    assert names.in_text(typed(emoji)) == ""


@pytest.mark.parametrize(
    "name",
    [
        "KICB: your card is blocked. kicb-pay.com/unlock",
        "kicb-pay.com",
        "www.evil",
        "t.me/evil",
        "a@b",
        "Call 0555123456",
        "٠١٢٣٤٥",
        "one。two",
        "a⁄b",
        "⒈",
        "...",
        "-",
        "Ana.",
        "a..b",
        "{link}",
        "a_b",
    ],
)
def test_what_looks_like_a_link_or_a_number_is_no_name(name: str) -> None:
    assert refused(name) == "not_a_name"
    assert not LINK.search(names.in_text(name))


@pytest.mark.parametrize(
    "name",
    [
        "SOS",
        "sos",
        "ЅОЅ",
        "S.O.S.",
        "S O S",
        "AlertMe",
        "Alert Me",
        "ALERTMЕ",
        "Ａｌｅｒｔｍｅ",
        "Police",
        "Полиция",
        "TEST",
        "Тест",
    ],
)
def test_words_of_ours_are_no_names(name: str) -> None:
    """With letters of other scripts that look the same, too."""
    assert refused(name) == "reserved_name"
    assert names.in_text(name) == ""


def test_a_first_and_a_last_name_do_not_make_a_word_of_ours() -> None:
    assert typed("Alert") == "Alert"
    assert names.in_text("Alert", "Me") == ""


@pytest.mark.parametrize("name", ["\u200b", "\u3164", " \u202e ", ""])
def test_a_name_of_invisible_characters_is_blank(name: str) -> None:
    assert refused(name) == "blank"
    assert typed(name, allow_blank=True) == ""


@given(st.text(st.characters(exclude_categories=["Cs", "Cc"]), max_size=60))
@example("t.me/x")
@example("a.\u200db")
@example("é.c")
@settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
def test_whatever_is_typed_no_sms_gets_a_link_from_it(name: str) -> None:
    for held in (names.in_text(name), names.in_text(name, name)):
        assert not LINK.search(held)
        assert not LINK.search(unicodedata.normalize("NFKC", held).replace("·", ""))
        assert names.in_text(held) == held
    tidied = names.tidy(name)
    assert names.tidy(tidied) == tidied
    if names.is_name(tidied):
        assert not LINK.search(tidied)


def test_names_that_were_stored_before_are_still_read(anas_app: App, ana: User) -> None:
    ana.first_name = "Ana 2 www.ana.kg"
    ana.save()
    answer = anas_app.get("/api/v1/me/")
    assert (answer.status_code, answer.json()["first_name"]) == (200, "Ana 2 www.ana.kg")
    assert anas_app.patch("/api/v1/me/", {"language": "ky"}).status_code == 200


def test_a_device_may_be_called_what_it_is(anas_app: App, ana: User) -> None:
    body = {"name": "iPhone 15\u202c (Ana)", "platform": "ios"}
    assert anas_app.post("/api/v1/me/devices/", body).status_code == 201
    assert ana.devices.get().name == "iPhone 15 (Ana)"
