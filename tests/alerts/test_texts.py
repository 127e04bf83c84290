from datetime import UTC, datetime

import pytest
from django.utils.translation import gettext, ngettext, override
from hypothesis import example, given
from hypothesis import strategies as st

from alerts import texts
from alerts.models import AlertStatus, SosAlert
from alerts.truth import SENTENCES
from identity.models import User
from messaging.segments import count_segments

LANGUAGES = ["ky", "ru", "en"]
LONGEST_NUMBER = "+996555123456789"[:16]
NAMES = st.text(st.characters(exclude_categories=["Cs"]), max_size=50)
PLACES = st.none() | st.tuples(st.floats(-90, 90), st.floats(-180, 180))


def _alert(place: tuple[float, float] | None, status: AlertStatus = AlertStatus.ACTIVE) -> SosAlert:
    latitude, longitude = place or (None, None)
    now = datetime.now(UTC)
    return SosAlert(latitude=latitude, longitude=longitude, status=status, created_at=now, updated_at=now)


def _person(first: str, last: str = "", phone: str = "+996555123456") -> User:
    return User(first_name=first, last_name=last, phone_number=phone)


@given(NAMES, NAMES, PLACES, st.sampled_from(LANGUAGES))
@example("Константин-Александр" * 2, "Өскөнбаева" * 5, (-90.0, -180.0), "ky")
@example("👩‍👩‍👧‍👦" * 4, "👩‍👩‍👧‍👦" * 4, (-90.0, -180.0), "ru")
@example("", "", (-90.0, -180.0), "en")
@example("a" * 50, "b" * 50, None, "en")
@example("ж" * 50, "ж" * 50, None, "ky")
def test_every_text_takes_one_segment(first: str, last: str, place: tuple[float, float] | None, language: str) -> None:
    person = _person(first, last, phone=LONGEST_NUMBER)
    sos = texts.sos(_alert(place), person, language=language)
    assert count_segments(sos) == 1
    assert LONGEST_NUMBER in sos
    if place is not None:
        assert texts.map_link(*place) in sos
    for status in (AlertStatus.RESOLVED, AlertStatus.CANCELLED):
        assert count_segments(texts.all_clear(_alert(None, status), person, language=language)) == 1


@pytest.mark.parametrize(
    ("language", "expected"),
    [
        ("en", "SOS! Аида Асанова +996555123456 maps.google.com/?q=42.8746,74.5698"),
        ("ru", "SOS! Аида Асанова +996555123456 maps.google.com/?q=42.8746,74.5698"),
        ("ky", "SOS! Аида Асанова +996555123456 maps.google.com/?q=42.8746,74.5698"),
    ],
)
def test_sos_says_who_and_where_and_whom_to_call(language: str, expected: str) -> None:
    alert = _alert((42.87462, 74.56978))
    assert texts.sos(alert, _person("Аида", "Асанова"), language=language) == expected


@pytest.mark.parametrize(
    ("language", "expected"),
    [
        ("en", "SOS! Aida needs help. Call +996555123456"),
        ("ru", "SOS! Aida просит о помощи. Позвоните: +996555123456"),
        ("ky", "SOS! Aida жардам сурайт. Чалыңыз: +996555123456"),
    ],
)
def test_sos_without_a_position_asks_to_call(language: str, expected: str) -> None:
    assert texts.sos(_alert(None), _person("Aida"), language=language) == expected


@pytest.mark.parametrize(("language", "who"), [("en", "Someone"), ("ru", "Кто-то"), ("ky", "Бирөө")])
def test_a_person_without_a_name_is_someone(language: str, who: str) -> None:
    assert texts.sos(_alert(None), _person(" "), language=language).startswith(f"SOS! {who} ")


def test_an_all_clear_without_a_name_gives_the_number() -> None:
    ended = _alert(None, AlertStatus.RESOLVED)
    assert texts.all_clear(ended, _person(""), language="en").startswith("+996555123456 is safe")


@pytest.mark.parametrize(
    ("status", "language", "expected"),
    [
        (AlertStatus.RESOLVED, "en", "Aida is safe. The alert has ended."),
        (AlertStatus.RESOLVED, "ru", "Aida в безопасности. Тревога окончена."),
        (AlertStatus.RESOLVED, "ky", "Aida аман-эсен. SOS чакырыгы аяктады."),
        (AlertStatus.CANCELLED, "en", "False alarm: Aida cancelled the alert."),
        (AlertStatus.CANCELLED, "ru", "Ложная тревога. Aida: сигнал SOS отменён."),
        (AlertStatus.CANCELLED, "ky", "Жалган кооптонуу: Aida SOS чакырыгын жокко чыгарды."),
    ],
)
def test_the_all_clear_says_what_ended_the_alert(status: AlertStatus, language: str, expected: str) -> None:
    assert texts.all_clear(_alert(None, status), _person("Aida"), language=language) == expected


def test_braces_in_a_name_are_a_name() -> None:
    assert texts.sos(_alert(None), _person("{phone} {0}"), language="en").startswith("SOS! {phone} {0} needs")


@pytest.mark.parametrize("language", ["ky", "ru"])
def test_every_sentence_is_translated(language: str) -> None:
    with override(language):
        for sentence in SENTENCES.values():
            translated = gettext(sentence)
            assert translated != sentence
            assert "Aida" in translated.format(name="Aida")
        for count in (1, 2, 5):
            assert "on its way" not in ngettext("{count} on its way", "{count} on their way", count)


def test_kyrgyz_never_falls_back_to_russian() -> None:
    for sentence in SENTENCES.values():
        with override("ru"):
            russian = gettext(sentence)
        with override("ky"):
            assert gettext(sentence) != russian
