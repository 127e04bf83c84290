"""requirements*.txt hold each package once, with its version and the hashes of its files, and what requirements*.in ask
for. pip then refuses a file that is not one of those. `make lock` writes them.
"""

import json
import re
import subprocess
import sys
from importlib.metadata import PackageNotFoundError, requires
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from deploy.local.environment import ROOT
from tests import audit

SOURCES = sorted(ROOT.glob("requirements*.in"))
PINNED = re.compile(r"([A-Za-z0-9._-]+)(\[[a-z0-9,-]+\])?==([A-Za-z0-9.+!]+)(?: ; (.+))?")
HASH = re.compile(r"--hash=sha256:[0-9a-f]{64}")


def locked(lock: Path) -> dict[str, tuple[str, str]]:
    """The version and the marker of each package of a lock. Fails for a line that is not pinned or has no hash."""
    lines = [line for line in lock.read_text().splitlines() if not line.lstrip().startswith("#")]
    found: dict[str, tuple[str, str]] = {}
    for requirement in "\n".join(lines).replace("\\\n", " ").splitlines():
        pin, *hashes = re.split(r"\s+(?=--hash)", requirement.strip())
        match = PINNED.fullmatch(pin)
        assert match, f"{lock.name}: not pinned: {pin}"
        assert hashes, f"{lock.name}: no hash: {pin}"
        assert all(HASH.fullmatch(each) for each in hashes), f"{lock.name}: {pin}"
        name = canonicalize_name(match[1])
        assert name not in found, f"{lock.name}: twice: {name}"
        found[name] = match[3], match[4] or ""
    return found


def asked_for(source: Path) -> dict[str, str]:
    """The versions that a source pins, with the sources it names."""
    found: dict[str, str] = {}
    for line in source.read_text().splitlines():
        if line.startswith("-r "):
            found |= asked_for(ROOT / line.removeprefix("-r "))
        elif line and not line.startswith("#"):
            match = PINNED.fullmatch(line)
            assert match, f"{source.name}: not pinned: {line}"
            found[canonicalize_name(match[1])] = match[3]
    return found


@pytest.mark.parametrize("source", SOURCES, ids=lambda path: path.stem)
def test_a_lock_has_the_versions_its_source_asks_for(source: Path) -> None:
    versions = {name: version for name, (version, _) in locked(source.with_suffix(".txt")).items()}
    assert asked_for(source).items() <= versions.items()


def test_every_lock_has_a_source() -> None:
    assert [path.with_suffix(".in") for path in sorted(ROOT.glob("requirements*.txt"))] == SOURCES


@pytest.mark.parametrize("name", ["requirements", "requirements-s3", "requirements-demo", "requirements-dev"])
def test_a_lock_has_what_its_packages_need(name: str) -> None:
    lock = locked(ROOT / f"{name}.txt")
    for package in lock:
        try:
            needed = requires(package) or []
        except PackageNotFoundError:
            continue  # for another system or Python
        for requirement in map(Requirement, needed):
            if requirement.marker is None or requirement.marker.evaluate({"extra": ""}):
                assert canonicalize_name(requirement.name) in lock, f"{package} needs {requirement}"


def test_the_locks_agree_on_every_version() -> None:
    development = locked(ROOT / "requirements-dev.txt")
    for name in ("requirements", "requirements-s3", "requirements-demo"):
        for package, (version, _) in locked(ROOT / f"{name}.txt").items():
            assert development[package][0] == version, package


def test_no_lock_says_where_to_fetch_from() -> None:
    for lock in [*SOURCES, *ROOT.glob("requirements*.txt")]:
        assert not re.search(r"://|--(?:extra-)?index|--find-links|--trusted", lock.read_text()), lock


def test_the_bill_of_materials_lists_every_package_of_production(tmp_path: Path) -> None:
    written = tmp_path / "sbom.json"
    command = [sys.executable, "-m", "cyclonedx_py", "requirements", "--validate", "--output-reproducible"]
    command += ["--pyproject", "pyproject.toml", "--output-file", str(written), "requirements-s3.txt"]
    subprocess.run(command, cwd=ROOT, check=True)
    bill = json.loads(written.read_text())
    assert bill["bomFormat"] == "CycloneDX"
    assert bill["metadata"]["component"]["name"] == "alertme"
    listed = {canonicalize_name(part["name"]): part["version"] for part in bill["components"]}
    assert listed == {name: version for name, (version, _) in locked(ROOT / "requirements-s3.txt").items()}
    assert all(part["purl"].startswith("pkg:pypi/") for part in bill["components"])


CLEAN = {"name": "django", "version": "5.2.19", "vulns": []}
SKIPPED = {"name": "pika", "skip_reason": "not found"}
VULNERABLE = {"name": "pika", "version": "1", "vulns": [{"id": "PYSEC-2026-1", "fix_versions": ["2"], "aliases": []}]}


@pytest.mark.parametrize(
    ("packages", "exit_code", "text"),
    [
        ([CLEAN, CLEAN], 0, "2 packages have no known vulnerability, 0 were not found"),
        ([CLEAN, SKIPPED], 0, "1 packages have no known vulnerability, 1 were not found"),
        ([SKIPPED, SKIPPED], 0, "NOT AUDITED"),
        ([CLEAN, VULNERABLE], 1, "pika 1: PYSEC-2026-1, fixed in ['2']"),
    ],
)
def test_a_known_vulnerability_fails_and_silence_is_no_clean_bill(
    packages: list[dict[str, object]], exit_code: int, text: str
) -> None:
    verdict = audit.judge(json.dumps({"dependencies": packages, "fixes": []}), "")
    assert verdict.exit_code == exit_code
    assert text in verdict.text


def test_an_audit_that_cannot_ask_says_so_and_one_that_breaks_fails() -> None:
    unreachable = audit.judge("", "Traceback\nrequests.exceptions.ConnectionError: no such host")
    assert unreachable.exit_code == 0
    assert "NOT AUDITED" in unreachable.text
    assert audit.judge("", "usage: pip-audit [-h]").exit_code == 1
