"""Subjects of e-mails and words of calls are translated into every language, and the translations are compiled."""

import gettext
import re
from pathlib import Path

import pytest

from messaging import speech
from messaging.providers import email

LOCALE = Path(speech.__file__).parent / "locale"
SOURCES = [speech.__file__, email.__file__]


@pytest.mark.parametrize("language", ["ky", "ru"])
def test_every_text_of_the_code_is_translated(language: str) -> None:
    source = "".join(Path(path).read_text() for path in SOURCES)
    used = re.findall(r'gettext(?:\(|,)\s*"([^"]+)"', source)
    assert len(used) == 5
    assert [text for text in used if _catalogue(language).gettext(text) == text] == []


@pytest.mark.parametrize("language", ["ky", "ru"])
def test_the_compiled_texts_are_those_of_the_source(language: str) -> None:
    source = (LOCALE / language / "LC_MESSAGES" / "django.po").read_text()
    pairs = re.findall(r'^msgid "(.+)"\nmsgstr "(.+)"$', source, re.MULTILINE)
    assert len(pairs) >= 5
    assert [text for text, target in pairs if _catalogue(language).gettext(text) != target] == []


def _catalogue(language: str) -> gettext.GNUTranslations:
    with (LOCALE / language / "LC_MESSAGES" / "django.mo").open("rb") as compiled:
        return gettext.GNUTranslations(compiled)
