import pytest
from hypothesis import given
from hypothesis import strategies as st

from messaging.segments import code_units, count_segments, is_gsm

GSM_BASIC = (
    "@£$¥èéùìòÇ\nØø\rÅåΔ_ΦΓΛΩΠΨΣΘΞÆæßÉ !\"#¤%&'()*+,-./0123456789:;<=>?¡"
    "ABCDEFGHIJKLMNOPQRSTUVWXYZÄÖÑÜ§¿abcdefghijklmnopqrstuvwxyzäöñüà"
)
GSM_EXTENSION = "\f^{}\\[~]|€"
SIREN = "\U0001f6a8"  # Two UTF-16 code units.


def test_the_default_alphabet_has_its_127_characters_and_ten_extensions() -> None:
    assert len(set(GSM_BASIC)) == 127
    assert all(is_gsm(character) for character in GSM_BASIC + GSM_EXTENSION)


@pytest.mark.parametrize("character", ["ç", "`", "Ё", "ү", "ң", "\t", "\u00a0", "“", "’", "–", SIREN])
def test_anything_else_makes_the_text_ucs2(character: str) -> None:
    assert not is_gsm("Help" + character)


@pytest.mark.parametrize(
    ("text", "segments"),
    [
        ("", 1),
        ("a" * 160, 1),
        ("a" * 161, 2),
        ("a" * 153 * 2, 2),
        ("a" * (153 * 2 + 1), 3),
        ("€" * 80, 1),
        ("€" * 80 + "a", 2),
        # A pair that would be split between two parts moves to the next one: 152 places and a pair leave one place
        # unused.
        ("a" * 152 + "€" + "a" * 151, 2),
        ("a" * 152 + "€" + "a" * 152, 3),
        ("a" * 151 + "€" + "a" * 153, 2),
        ("я" * 70, 1),
        ("я" * 71, 2),
        ("я" * 67 * 2, 2),
        ("я" * (67 * 2 + 1), 3),
        ("a" * 70 + "я", 2),
        (SIREN * 35, 1),
        (SIREN * 36, 2),
        ("я" * 66 + SIREN + "я" * 65, 2),
        ("я" * 66 + SIREN + "я" * 66, 3),
        ("я" * 65 + SIREN + "я" * 67, 2),
    ],
)
def test_segments_at_the_limits_of_the_tables(text: str, segments: int) -> None:
    assert count_segments(text) == segments


@given(st.text(max_size=600))
def test_a_text_takes_as_many_parts_as_its_places_need_and_hardly_more(text: str) -> None:
    if is_gsm(text):
        places, single, part = len(text) + sum(c in GSM_EXTENSION for c in text), 160, 153
    else:
        places, single, part = code_units(text), 70, 67
    if places <= single:
        assert count_segments(text) == 1
    else:
        # Each part but the last may leave one place unused, for a pair that is not split.
        assert -(-places // part) <= count_segments(text) <= -(-places // (part - 1))


@given(st.text(max_size=400), st.characters())
def test_more_text_never_takes_fewer_segments(text: str, more: str) -> None:
    assert count_segments(text) <= count_segments(text + more)
