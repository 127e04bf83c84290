from datetime import UTC, datetime
from typing import Any

import pytest
from django.utils.translation import gettext, ngettext, override
from hypothesis import example, given
from hypothesis import strategies as st

from alerts.contacts import links, texts
from alerts.models import AlertStatus, SosAlert
from alerts.owner.reasons import SENTENCES
from identity.models import User
from messaging.segments import count_segments

LANGUAGES = ["ky", "ru", "en"]
LONGEST_NUMBER = "+996555123456789"[:16]
NAMES = st.text(st.characters(exclude_categories=["Cs"]), max_size=50)
LINK = "https://sos.kg/a/" + "x" * links.TOKEN_LENGTH
LONGEST_LINK = "https://alerts.of.example.org/a/" + "x" * links.TOKEN_LENGTH
LINKS = [LINK, LONGEST_LINK]


def _alert(status: AlertStatus) -> SosAlert:
    now = datetime.now(UTC)
    return SosAlert(status=status, created_at=now, updated_at=now)


def _person(first: str, last: str = "", phone: str = "+996555123456") -> User:
    return User(first_name=first, last_name=last, phone_number=phone)


@given(NAMES, NAMES, st.sampled_from(LANGUAGES), st.sampled_from(LINKS))
@example("Константин-Александр" * 2, "Өскөнбаева" * 5, "ky", LINKS[0])
@example("👩‍👩‍👧‍👦" * 4, "👩‍👩‍👧‍👦" * 4, "ru", LINKS[1])
@example("", "", "en", LINKS[1])
@example("a" * 50, "b" * 50, "en", LINKS[0])
@example("ж" * 50, "ж" * 50, "ky", LINKS[1])
@example("", "", "ky", LINKS[1])
@example("", "", "ru", LINKS[1])
def test_every_text_takes_one_segment(first: str, last: str, language: str, link: str) -> None:
    person = _person(first, last, phone=LONGEST_NUMBER)
    sos = texts.sos(person, language=language, link=link)
    assert count_segments(sos) == 1
    assert sos.startswith("SOS! ")
    assert link in sos.split(" ")
    drill = texts.drill(person, language=language, link=link)
    assert count_segments(drill) == 1
    assert "TEST" in drill or "ТЕСТ" in drill
    assert link in drill.split(" ")
    over = [SosAlert(is_drill=True), _alert(AlertStatus.RESOLVED), _alert(AlertStatus.CANCELLED)]
    for text in (texts.all_clear(alert, person, language=language) for alert in over):
        assert count_segments(text) == 1
        assert LONGEST_NUMBER in text
    for text in (texts.responder(last, person, language=language), texts.withdrawn(last, person, language=language)):
        assert count_segments(text) == 1
        assert LONGEST_NUMBER in text
    duress = texts.duress(person, language=language, link=link)
    assert count_segments(duress) == 1
    assert duress.endswith(f" {link}")
    missed = texts.missed_check_in(person, language=language, link=link)
    assert count_segments(missed) == 1
    assert link in missed.split(" ")
    assert count_segments(texts.timer_ends(10_080, language=language)) == 1


@pytest.mark.parametrize(
    ("first", "last", "language", "expected"),
    [
        ("Aida", "Asanova", "en", f"SOS! Aida Asanova needs help: {LINK} Call +996555123456"),
        # The name has no Cyrillic letter: there is room for the number, but the sentence would be UCS-2.
        ("Aida", "Asanova", "ru", f"SOS! Aida Asanova +996555123456 {LINK}"),
        ("Aida", "Asanova", "ky", f"SOS! Aida Asanova +996555123456 {LINK}"),
        ("Аида", "Жээнбекова", "ru", f"SOS! Аида +996555123456 {LINK}"),
        ("Аида", "Ким", "ky", f"SOS! Аида Ким +996555123456 {LINK}"),
        ("Жаныл", "", "en", f"SOS! Жаныл +996555123456 {LINK}"),
        ("Бермет", "Өскөнбаева", "ky", f"SOS! Бермет +996555123456 {LINK}"),
        ("Александра-Анна", "Иванова", "ru", f"SOS! Александра-Анна Иванова {LINK}"),
        ("Константин-Александр", "Өскөнбаев", "ky", f"SOS! Константин-Александр {LINK}"),
        (" ", "", "ru", f"SOS! Кто-то +996555123456 {LINK}"),
        (" ", "", "ky", f"SOS! Бирөө +996555123456 {LINK}"),
        (" ", "", "en", f"SOS! Someone needs help: {LINK} Call +996555123456"),
        ("{link} {0}", "", "en", f"SOS! link needs help: {LINK} Call +996555123456"),
    ],
)
def test_sos_says_who_and_links_and_whom_to_call(first: str, last: str, language: str, expected: str) -> None:
    assert texts.sos(_person(first, last), language=language, link=LINK) == expected


@pytest.mark.parametrize(
    ("first", "language", "expected"),
    [
        ("Aida", "en", f"Aida is under threat! Do not call them. Call the police: 112 {LINK}"),
        ("Аида", "en", f"Under threat! Do not call them. Call the police: 112 {LINK}"),
        ("Аида", "ru", f"Аида: угроза! Не звоните! 112 {LINK}"),
        ("Бермет", "ky", f"Берм: коркутуу! Чалбаңыз! 112 {LINK}"),
        ("", "ru", f"Угроза! Не звоните! 112 {LINK}"),
        ("", "en", f"Under threat! Do not call them. Call the police: 112 {LINK}"),
    ],
)
def test_duress_says_whom_to_call_and_whom_not(first: str, language: str, expected: str) -> None:
    assert texts.duress(_person(first), language=language, link=LINK) == expected


def test_duress_keeps_do_not_call_and_the_link_beside_a_long_host() -> None:
    assert texts.duress(_person("Аида"), language="ru", link=LONGEST_LINK) == f"Не звоните! 112 {LONGEST_LINK}"


@pytest.mark.parametrize(
    ("language", "expected"),
    [
        ("en", "None of your contacts has answered yet. Call 102."),
        ("ru", "Пока никто из ваших контактов не ответил. Звоните 102."),
        ("ky", "Байланыштарыңыздан эч ким жооп бере элек. Чалыңыз: 102"),
    ],
)
def test_the_number_to_call_is_a_setting(language: str, expected: str, settings: Any) -> None:
    settings.EMERGENCY_NUMBER = "102"
    person = _person("Aida")
    person.language = language
    assert texts.nobody_answered(person) == expected
    settings.EMERGENCY_NUMBER = LONGEST_NUMBER
    assert count_segments(texts.nobody_answered(person)) == 1


def test_without_a_name_the_number_is_who_it_is() -> None:
    assert texts.sos(_person(""), language="ky", link=LONGEST_LINK) == f"SOS! +996555123456 {LONGEST_LINK}"


def test_sos_of_a_longer_host_keeps_the_name_and_leaves_the_number_to_the_page() -> None:
    sos = texts.sos(_person("Бермет", "Өскөнбаева"), language="ky", link=LONGEST_LINK)
    assert sos == f"SOS! Бермет {LONGEST_LINK}"


def test_an_all_clear_without_a_name_gives_the_number() -> None:
    ended = _alert(AlertStatus.RESOLVED)
    assert texts.all_clear(ended, _person(""), language="en").startswith("+996555123456 is safe")


@pytest.mark.parametrize(
    ("status", "language", "expected"),
    [
        (AlertStatus.RESOLVED, "en", "Aida (+996555123456) is safe. The alert has ended."),
        (AlertStatus.RESOLVED, "ru", "Aida (+996555123456) в безопасности. Тревога окончена."),
        (AlertStatus.RESOLVED, "ky", "Aida (+996555123456) аман-эсен. SOS чакырыгы аяктады."),
        (AlertStatus.CANCELLED, "en", "False alarm: Aida (+996555123456) cancelled the alert."),
        (AlertStatus.CANCELLED, "ru", "Ложная тревога. Aida (+996555123456): сигнал SOS отменён."),
        (AlertStatus.CANCELLED, "ky", "Жалган кооптонуу. Aida (+996555123456): SOS жокко чыгарылды."),
    ],
)
def test_the_all_clear_says_what_ended_the_alert(status: AlertStatus, language: str, expected: str) -> None:
    assert texts.all_clear(_alert(status), _person("Aida"), language=language) == expected


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
