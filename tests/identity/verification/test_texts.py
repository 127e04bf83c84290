import gettext
import re
from pathlib import Path

import pytest

from identity.models import Language
from identity.verification import texts
from messaging.segments import count_segments

LOCALE = Path(texts.__file__).parents[1] / "locale"


@pytest.mark.parametrize("language", Language.values)
def test_every_text_fits_one_segment(language: str) -> None:
    code = texts.code("004213", language=language)
    assert count_segments(code) == count_segments(texts.known_number(language=language)) == 1
    assert re.findall(r"\d+", code) == ["004213"]
    assert not re.search(r"\d", texts.known_number(language=language))


def test_languages_differ() -> None:
    for compose in (texts.known_number, lambda *, language: texts.code("123456", language=language)):
        assert len({compose(language=language) for language in Language.values}) == 3


@pytest.mark.parametrize("language", ["ky", "ru"])
def test_every_text_of_the_code_is_translated(language: str) -> None:
    source = Path(texts.__file__).read_text()
    used = re.findall(r'gettext\(\s*"([^"]+)"', source)
    assert len(used) == source.count("gettext(") > 0
    with (LOCALE / language / "LC_MESSAGES" / "django.mo").open("rb") as compiled:
        catalogue = gettext.GNUTranslations(compiled)
    assert [text for text in used if catalogue.gettext(text) == text] == []


@pytest.mark.parametrize("language", ["ky", "ru"])
def test_the_compiled_texts_are_those_of_the_source(language: str) -> None:
    folder = LOCALE / language / "LC_MESSAGES"
    pairs = re.findall(r'^msgid "(.+)"\nmsgstr "(.+)"$', (folder / "django.po").read_text(), re.MULTILINE)
    with (folder / "django.mo").open("rb") as compiled:
        catalogue = gettext.GNUTranslations(compiled)
    assert pairs
    assert [source for source, target in pairs if catalogue.gettext(source) != target] == []
