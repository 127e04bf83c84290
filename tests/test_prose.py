"""The check of sentences (tests/prose.py) reads every kind of file and finds the openings it looks for."""

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
PLAIN = "A message waits for its slot."
CLAUSE = "What waits for its slot is a message."


def check(folder: Path, **files: str) -> subprocess.CompletedProcess[str]:
    """Run the check with `--list` over a repository that holds only these files; `__` in a name stands for a dot."""
    subprocess.run(["git", "init", "--quiet"], cwd=folder, check=True)
    for name, text in files.items():
        (folder / name.replace("__", ".")).write_text(text)
    subprocess.run(["git", "add", "."], cwd=folder, check=True)
    command = [sys.executable, str(ROOT / "tests" / "prose.py"), "--list"]
    return subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)


@pytest.mark.parametrize(
    "files",
    [
        {"code__py": f'"""{CLAUSE}"""\n'},
        {"code__py": f'def wait() -> None:\n    """{PLAIN}\n\n    {CLAUSE}\n    """\n'},
        {"code__py": "# What waits for its\n# slot is a message.\nSLOT = 1\n"},
        {"code__py": "SLOT = 1  # What waits for its slot is a message.\n"},
        {"README__md": f"# Messages\n\n{PLAIN} {CLAUSE}\n"},
        {"README__md": f"- {PLAIN}\n- {CLAUSE}\n"},
        {"__env__example": f"# {CLAUSE}\nSLOT=1\n"},
        {"rules__toml": f"# {CLAUSE}\n"},
    ],
)
def test_it_finds_an_opening_clause(tmp_path: Path, files: dict[str, str]) -> None:
    done = check(tmp_path, **files)
    [name] = files
    assert done.returncode == 1
    assert done.stdout.splitlines()[0].startswith(f"{name.replace('__', '.')}:")
    assert done.stdout.splitlines()[0].endswith(CLAUSE)


@pytest.mark.parametrize("opening", ["What", "Whose", "Whoever", "Whom", "Who", "Of", "Those"])
def test_it_knows_every_opening(tmp_path: Path, opening: str) -> None:
    done = check(tmp_path, code__py=f"# {opening} waits for a slot is a message.\n")
    assert (done.returncode, done.stdout.split()[0]) == (1, "code.py:1:")


def test_it_finds_a_word_that_stands_for_a_number(tmp_path: Path) -> None:
    assert check(tmp_path, code__py="# A message waits for so many seconds.\n").returncode == 1


@pytest.mark.parametrize(
    "files",
    [
        {"code__py": f"# {PLAIN}\n"},
        {"code__py": "# What becomes of a message without a slot?\n"},
        {"code__py": "# Whatever waits gets a slot.\n"},
        {"code__py": f'TEXT = "{CLAUSE}"\n'},
        {"README__md": f"{PLAIN}\n\n```\n{CLAUSE}\n```\n"},
        {"__env__example": f"TEXT={CLAUSE}\n"},
        {"notes__txt": CLAUSE},
    ],
)
def test_it_lets_other_text_pass(tmp_path: Path, files: dict[str, str]) -> None:
    done = check(tmp_path, **files)
    assert (done.returncode, done.stdout.split(maxsplit=1)[0]) == (0, "0")


def test_it_allows_a_small_share(tmp_path: Path) -> None:
    sentences = [PLAIN] * 99 + [CLAUSE]
    assert check(tmp_path, README__md=" ".join(sentences)).returncode == 0
    assert check(tmp_path, README__md=" ".join([*sentences, CLAUSE, CLAUSE, CLAUSE])).returncode == 1
