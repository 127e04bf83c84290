"""Values come from the environment, from a `.env` file, or from a file of their own that NAME_FILE names."""

import logging
import os
from pathlib import Path

import pytest
from django.core.exceptions import ImproperlyConfigured

from config import environment
from tests.config.test_environment import REQUIRED, VALID, read_settings


@pytest.fixture
def own_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """Variables that a test loads are gone after it."""
    monkeypatch.setattr(os, "environ", os.environ.copy())


@pytest.mark.usefixtures("own_environment")
@pytest.mark.parametrize(
    ("line", "value"),
    [
        ("T_VALUE=plain", "plain"),
        ("export T_VALUE=plain", "plain"),
        ("T_VALUE=", ""),
        ("T_VALUE=with spaces", "with spaces"),
        ("T_VALUE=a=b#c $d %40", "a=b#c $d %40"),
        ("T_VALUE='single \\ \"quoted\"'", 'single \\ "quoted"'),
        ("T_VALUE=\"double 'quoted'\"", "double 'quoted'"),
        (r'T_VALUE="a \"quote\", a \\ and a \n"', r'a "quote", a \ and a \n'),
        ("T_VALUE='", "'"),
        ("T_VALUE=\"unclosed'", "\"unclosed'"),
        ("T_VALUE=Бишкек", "Бишкек"),
        ("T_VALUE=earlier\nT_VALUE=later", "later"),
        ("\n# T_VALUE=comment\n  # indented\nT_VALUE=value\n", "value"),
        ("T_VALUE=windows\r\n", "windows"),
    ],
)
def test_a_line_of_the_file_is_read(line: str, value: str, tmp_path: Path) -> None:
    file = tmp_path / ".env"
    file.write_bytes(line.encode())
    environment.load(file)
    assert os.environ["T_VALUE"] == value


@pytest.mark.usefixtures("own_environment")
def test_a_variable_that_is_set_already_stays(tmp_path: Path) -> None:
    os.environ["T_VALUE"] = "set"
    (tmp_path / ".env").write_text("T_VALUE=file")
    environment.load(tmp_path / ".env")
    assert os.environ["T_VALUE"] == "set"


@pytest.mark.usefixtures("own_environment")
def test_a_file_that_is_not_there_sets_nothing(tmp_path: Path) -> None:
    before = dict(os.environ)
    environment.load(tmp_path / "none")
    environment.load(tmp_path)
    assert dict(os.environ) == before


@pytest.mark.usefixtures("own_environment")
def test_a_line_of_another_form_is_named_by_its_number_only(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    (tmp_path / ".env").write_text("# comment\n T_SECRET = top-secret\nT_VALUE=value")
    with caplog.at_level(logging.WARNING):
        environment.load(tmp_path / ".env")
    assert "line 2 is not NAME=value" in caplog.text
    assert "top-secret" not in caplog.text
    assert os.environ["T_VALUE"] == "value"


@pytest.mark.parametrize("name", sorted(REQUIRED))
def test_any_value_may_lie_in_a_file_of_its_own(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "secret").write_text(f"{VALID[name]}\n")
    in_file = read_settings(monkeypatch, **{name: None, f"{name}_FILE": str(tmp_path / "secret")})
    assert in_file["DATABASES"] == read_settings(monkeypatch, **{f"{name}_FILE": None})["DATABASES"]
    assert in_file.get(name, VALID[name]) in (VALID[name], [VALID[name]])


def test_the_mail_server_may_lie_in_a_file_too(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "secret").write_text("smtp://mail.example:25")
    settings = read_settings(monkeypatch, EMAIL_URL="", EMAIL_URL_FILE=str(tmp_path / "secret"))
    assert (settings["EMAIL_HOST"], settings["SENDS_EMAIL"]) == ("mail.example", True)


def test_a_value_and_a_file_are_refused_together(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "secret").write_text("b" * 60)
    with pytest.raises(ImproperlyConfigured, match=r"^SECRET_KEY_FILE is wrong: .+ because SECRET_KEY is set too\.$"):
        read_settings(monkeypatch, SECRET_KEY_FILE=str(tmp_path / "secret"))


def test_a_file_that_cannot_be_read_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "binary").write_bytes(b"\xff\xfe")
    for path in (tmp_path / "none", tmp_path, tmp_path / "binary"):
        with pytest.raises(ImproperlyConfigured, match=r"^SECRET_KEY_FILE is wrong: expected the path of a text file"):
            read_settings(monkeypatch, SECRET_KEY=None, SECRET_KEY_FILE=str(path))


def test_an_empty_file_is_a_missing_value(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "secret").write_text("\n")
    with pytest.raises(ImproperlyConfigured, match=r"^SECRET_KEY is missing"):
        read_settings(monkeypatch, SECRET_KEY=None, SECRET_KEY_FILE=str(tmp_path / "secret"))
