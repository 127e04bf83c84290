import pytest
from django.utils.translation import get_language, override
from hypothesis import given
from hypothesis import strategies as st

from messaging.segments import count_segments
from messaging.texts import fit_name, render, shortened

LINK = "https://al.kg/a/" + "A" * 22


def cyrillic(name: str) -> str:
    return f"SOS! {name} просит помощи: {LINK}"


def latin(name: str) -> str:
    return f"SOS! {name} needs help now: {LINK}"


def test_a_short_name_stays_whole() -> None:
    assert fit_name(cyrillic, name="Айгуль", language="ru") == cyrillic("Айгуль")


def test_a_long_name_is_cut_to_the_last_letter_that_fits_a_cyrillic_segment() -> None:
    text = fit_name(cyrillic, name="Ж" * 60, language="ru")
    assert len(text) == 70
    assert text.endswith(LINK)


def test_a_long_latin_name_keeps_what_160_characters_hold() -> None:
    text = fit_name(latin, name="N" * 150, language="en")
    assert len(text) == 160
    assert text.endswith(LINK)


def test_inner_white_space_of_a_name_is_folded() -> None:
    assert fit_name(latin, name="  Ana \n\t Asanova ", language="en") == latin("Ana Asanova")


@given(st.text(max_size=80))
def test_whatever_the_name_the_text_is_one_segment_with_its_link(name: str) -> None:
    text = fit_name(cyrillic, name=name, language="ru")
    assert count_segments(text) == 1
    assert text.endswith(f" просит помощи: {LINK}")


def test_a_text_too_long_without_any_name_ends_instead_of_looping() -> None:
    assert fit_name(lambda name: name + "я" * 71, name="Ana", language="ru") == "я" * 71


@pytest.mark.parametrize(("units", "left"), [(3, "a\U0001f6a8"), (2, "a"), (1, "a"), (0, "")])
def test_a_surrogate_pair_is_never_split(units: int, left: str) -> None:
    assert shortened("a\U0001f6a8", units) == left


def test_a_text_speaks_its_readers_language_whatever_the_request_speaks() -> None:
    with override("ky"):
        assert render(lambda: get_language() or "", language="en") == "en"
        assert get_language() == "ky"
