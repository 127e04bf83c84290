"""The values that `make up` makes for an installation without `.env`."""

from pathlib import Path

import pytest

from deploy.local import environment


@pytest.fixture(autouse=True)
def own_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(environment, "VAR", tmp_path)


def test_the_file_has_a_key_of_its_own_for_data() -> None:
    [keys] = [line for line in environment.local_file().read_text().splitlines() if line.startswith("DATA_KEYS=")]
    assert len(keys) > 60
    assert keys in environment.local_file().read_text(), "A second start keeps the key."


def test_a_file_of_an_earlier_release_gets_a_key_once(tmp_path: Path) -> None:
    (tmp_path / "local.env").write_text("SECRET_KEY=kept\n")
    environment.local_file()
    first, second = environment.local_file().read_text().splitlines()
    assert first == "SECRET_KEY=kept"
    assert second.startswith("DATA_KEYS=")
