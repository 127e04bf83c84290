"""Texts about zones exist in every language and are compiled."""

import gettext
import re
from pathlib import Path

import pytest

from geo import texts

LOCALE = Path(texts.__file__).parent / "locale"


@pytest.mark.parametrize("language", ["ky", "ru"])
def test_every_text_is_translated_and_compiled(language: str) -> None:
    folder = LOCALE / language / "LC_MESSAGES"
    pairs = dict(re.findall(r'^msgid "(.+)"\nmsgstr "(.+)"$', (folder / "django.po").read_text(), re.MULTILINE))
    used = re.findall(r'gettext\("([^"]+)"', Path(texts.__file__).read_text())
    assert sorted(used) == sorted(pairs)
    with (folder / "django.mo").open("rb") as compiled:
        catalogue = gettext.GNUTranslations(compiled)
    assert [catalogue.gettext(text) for text in used] == [pairs[text] for text in used]
    assert all(pairs[text] != text for text in used)
