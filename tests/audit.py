"""Asks PyPI whether a locked package has a known vulnerability. `make check` runs it.

A vulnerability fails the check. A service that cannot be reached does not, but the output says so: nobody may take "not
asked" for "clean".
"""

import json
import re
import subprocess
import sys
from typing import NamedTuple

LOCK = "requirements-dev.txt"
TIMEOUT_S = 60
# Identifiers that do not concern us, each with the reason and the date.
IGNORED: dict[str, str] = {}

_UNREACHABLE = re.compile(r"(?:ConnectionError|ProxyError|SSLError|Timeout|ServiceError|Could not connect)")


class Verdict(NamedTuple):
    exit_code: int
    text: str


def main() -> int:
    ignoring = [word for identifier in IGNORED for word in ("--ignore-vuln", identifier)]
    command = [sys.executable, "-m", "pip_audit", "--requirement", LOCK, "--require-hashes", "--disable-pip"]
    command += ["--format", "json", "--progress-spinner", "off", "--timeout", "5", *ignoring]
    try:
        asked = subprocess.run(command, capture_output=True, text=True, timeout=TIMEOUT_S)
    except subprocess.TimeoutExpired:
        verdict = _not_asked(f"no answer within {TIMEOUT_S} s")
    else:
        verdict = judge(asked.stdout, asked.stderr)
    print(verdict.text)
    return verdict.exit_code


def judge(output: str, errors: str) -> Verdict:
    """Read pip-audit's JSON and its error output. Its exit code alone cannot tell "clean" from "nothing known"."""
    try:
        packages = json.loads(output)["dependencies"]
    except (ValueError, KeyError):
        if _UNREACHABLE.search(errors):
            return _not_asked(errors.strip().splitlines()[-1][:200])
        return Verdict(1, f"pip-audit failed:\n{errors}")
    found = [
        f"{package['name']} {package['version']}: {vulnerability['id']}, fixed in {vulnerability['fix_versions']}"
        for package in packages
        for vulnerability in package.get("vulns", [])
    ]
    if found:
        return Verdict(1, "\n".join(["Known vulnerabilities:", *found]))
    unknown = sum("skip_reason" in package for package in packages)
    if unknown == len(packages):
        return _not_asked("it knows none of the packages")
    return Verdict(0, f"{len(packages) - unknown} packages have no known vulnerability, {unknown} were not found.")


def _not_asked(reason: str) -> Verdict:
    return Verdict(0, f"NOT AUDITED for known vulnerabilities, because PyPI's service cannot be asked: {reason}")


if __name__ == "__main__":
    sys.exit(main())
