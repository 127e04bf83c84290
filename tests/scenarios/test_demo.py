"""`make demo` as a stranger runs it: a bare environment, an empty data folder, no server anywhere."""

import os
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from config.demo.postgres import EmbeddedPostgres

# Each demo takes the first free port it finds.
pytestmark = pytest.mark.alone

ROOT = Path(__file__).resolve().parents[2]
TIMEOUT_S = 120


@contextmanager
def demo(folder: Path, **environment: str) -> Iterator[subprocess.Popen[str]]:
    """Start the demo without a terminal, so that it ends by itself. Ends it if it still runs when the block ends."""
    process = subprocess.Popen(
        [sys.executable, "manage.py", "demo"],
        cwd=ROOT,
        env={"PATH": os.defpath, "DEMO_DIR": str(folder), **environment},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        encoding="utf-8",
        # A shell that runs the tests in the background lets them ignore SIGINT, and their children too.
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
    )
    try:
        yield process
    finally:
        process.terminate()
        process.wait(TIMEOUT_S)


def told(folder: Path, **environment: str) -> tuple[int, str]:
    with demo(folder, **environment) as process:
        output, _ = process.communicate(timeout=TIMEOUT_S)
        return process.returncode, output


def pid_file(folder: Path) -> Path:
    """PostgreSQL's file, which exists while PostgreSQL runs and after it was killed."""
    return EmbeddedPostgres(folder).data / "postmaster.pid"


@pytest.fixture
def folder() -> Iterator[Path]:
    # As root, PostgreSQL runs as another user, to whom pytest's own folders are closed.
    with tempfile.TemporaryDirectory() as made:
        Path(made).chmod(0o755)
        yield Path(made)


def test_the_demo_reaches_five_phones(folder: Path) -> None:
    code, output = told(folder)

    assert code == 0, output
    assert "SOS: 5 of 5 phones" in output
    assert "5 of 5 by signed callback" in output
    assert "Traceback" not in output
    assert not pid_file(folder).exists()


def test_in_a_folder_closed_to_others(folder: Path) -> None:
    folder.chmod(0o700)
    data = EmbeddedPostgres(folder).data
    try:
        code, output = told(folder)
    finally:
        if not data.is_relative_to(folder):
            shutil.rmtree(data.parent)

    assert code == 0, output
    assert folder.stat().st_mode & 0o777 == 0o700
    assert str(data) in output


def test_what_a_killed_demo_left_is_swept_up_and_nothing_of_the_caller_is_used(folder: Path) -> None:
    with demo(folder) as killed:
        wait_for(killed, "Phones ")
        killed.send_signal(signal.SIGSTOP)
        second_code, second_output = told(folder)
        killed.kill()
        killed.wait()
    assert (second_code, "already running" in second_output) == (1, True)
    assert pid_file(folder).exists()

    code, output = told(
        folder,
        DATABASE_URL="postgres://somebody@127.0.0.1:1/precious",
        TWILIO_AUTH_TOKEN="",
        SECRET_KEY_FILE="/not/there",
        PYTHONIOENCODING="ascii",  # This terminal shows no Cyrillic.
    )

    assert code == 0, output
    assert "DATABASE_URL is set: the demo leaves that server alone" in output
    assert "SOS: 5 of 5 phones" in output


def test_a_demo_that_loses_its_database_fails_and_says_what_is_missing(folder: Path) -> None:
    with demo(folder) as process:
        wait_for(process, "Phones ")
        os.kill(int(pid_file(folder).read_text().split()[0]), signal.SIGKILL)
        output, _ = process.communicate(timeout=TIMEOUT_S)

    assert process.returncode == 1
    assert "The demo failed: " in output
    assert "Traceback" not in output


def test_an_interrupt_stops_everything(folder: Path) -> None:
    with demo(folder) as process:
        wait_for(process, "Phones ")
        process.send_signal(signal.SIGINT)
        output, _ = process.communicate(timeout=15)

    assert process.returncode == 128 + signal.SIGINT
    assert "Traceback" not in output
    assert not pid_file(folder).exists()


def wait_for(process: subprocess.Popen[str], start: str) -> None:
    """Read lines until one begins with `start`."""
    seen = []
    for line in process.stdout or []:
        seen.append(line)
        if line.strip().startswith(start):
            return
    raise AssertionError("".join(seen))
