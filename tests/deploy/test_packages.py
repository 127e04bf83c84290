"""Missing server programs are installed where we may do so; elsewhere the message gives the command to type."""

import os
from pathlib import Path

import pytest

from deploy.local import browser, clocks, packages, postgres, rabbitmq


@pytest.fixture
def bare(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """A machine without servers, with a PATH of our own, under an account that is not root."""
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    monkeypatch.setattr(postgres, "binaries", lambda: None)
    monkeypatch.setattr(rabbitmq, "server_program", lambda: None)
    monkeypatch.setattr(clocks, "library", lambda: None)
    monkeypatch.setattr(browser, "program", lambda: None)
    monkeypatch.setattr(browser, "driver_library", lambda: None)
    return tmp_path


def test_nothing_happens_when_all_is_there() -> None:
    assert packages.missing(for_tests=True) == []
    packages.ensure_installed(for_tests=True)


def test_without_root_it_says_what_to_type(bare: Path) -> None:
    apt_get = bare / "apt-get"
    apt_get.write_text("#!/bin/sh\n")
    apt_get.chmod(0o755)
    with pytest.raises(SystemExit, match=r"sudo apt-get install -y postgresql rabbitmq-server$"):
        packages.ensure_installed()
    with pytest.raises(SystemExit) as refused:
        packages.ensure_installed(for_tests=True)
    said = str(refused.value)
    assert "install -y postgresql rabbitmq-server libfaketime libatomic1 chromium-headless-shell\n" in said
    assert "playwright install --with-deps chromium-headless-shell" in said


def test_without_apt_it_says_what_is_needed(bare: Path) -> None:
    with pytest.raises(SystemExit, match="Install the server programs"):
        packages.ensure_installed()


def test_client_libraries_alone_are_not_a_server(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    pg_config = tmp_path / "pg_config"
    pg_config.write_text(f"#!/bin/sh\necho {tmp_path}\n")
    pg_config.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path))
    assert postgres.binaries() != tmp_path


def test_the_guard_against_starting_services_is_taken_away_again(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(packages, "POLICY", tmp_path / "policy-rc.d")
    with packages.no_service_started():
        assert os.access(packages.POLICY, os.X_OK)
    assert not packages.POLICY.exists()


def test_a_machines_own_policy_stays(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(packages, "POLICY", tmp_path / "policy-rc.d")
    packages.POLICY.write_text("theirs")
    with packages.no_service_started():
        assert packages.POLICY.read_text() == "theirs"
    assert packages.POLICY.read_text() == "theirs"
