"""Installs the server programs of PostgreSQL and RabbitMQ, and for tests libfaketime, libatomic and Chromium.

Where it cannot, without root or apt-get, the program ends and says what to type.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from deploy.local import browser, clocks, postgres, rabbitmq

# Debian's packages start a service when installed, unless this file exists and answers "forbidden".
POLICY = Path("/usr/sbin/policy-rc.d")
FORBID = "#!/bin/sh\nexit 101\n"
# Debian's name of Chromium without a screen.
CHROMIUM = "chromium-headless-shell"


def missing(*, for_tests: bool = False) -> list[str]:
    """Debian's names of the packages whose programs are not on this machine."""
    found: dict[str, object] = {"postgresql": postgres.binaries(), "rabbitmq-server": rabbitmq.server_program()}
    if for_tests:
        found["libfaketime"] = clocks.library()
        found["libatomic1"] = browser.driver_library()
        found[CHROMIUM] = browser.program()
    return [package for package, program in found.items() if program is None]


def ensure_installed(*, for_tests: bool = False) -> None:
    """Install missing packages with apt-get if we are root; else end the program and say what to type."""
    packages = missing(for_tests=for_tests)
    if not packages:
        return
    if os.geteuid() != 0 or not shutil.which("apt-get"):
        sys.exit(advice(packages))
    print(f"Installing {' and '.join(packages)} (programs only: no service is started)", flush=True)
    install(packages)
    if still := missing(for_tests=for_tests):
        sys.exit(advice(still))


def advice(packages: list[str]) -> str:
    if shutil.which("apt-get"):
        command = f"sudo apt-get update && sudo apt-get install -y {' '.join(packages)}"
        said = f"Missing: {', '.join(packages)}. Type this, then run the command again:\n    {command}"
    else:
        said = (
            f"Missing: {', '.join(packages)}. Install the server programs of PostgreSQL 15 or later (initdb,"
            " postgres) and RabbitMQ 3.10 or later, for tests libfaketime 0.9.10 or later and Chromium too, with your"
            " system's package manager, then run the command again."
        )
    if CHROMIUM not in packages:
        return said
    download = f"{sys.executable} -m playwright install --with-deps {CHROMIUM}"
    return f"{said}\nWhere no package has Chromium (Ubuntu), this gets it instead:\n    {download}"


def install(packages: list[str]) -> None:
    environment = os.environ | {"DEBIAN_FRONTEND": "noninteractive"}
    install_command = ["apt-get", "install", "-y", "-q", "--no-install-recommends", *packages]
    with no_service_started():
        # The package lists on the machine are often too old: a package in them may be gone from the mirror.
        for command in (["apt-get", "update", "-q"], install_command):
            if subprocess.run(command, env=environment, check=False).returncode:
                sys.exit(f"{' '.join(command)} failed (see above). {advice(packages)}")


@contextmanager
def no_service_started() -> Iterator[None]:
    if POLICY.exists():  # the machine's own policy stands
        yield
        return
    POLICY.write_text(FORBID)
    POLICY.chmod(0o755)
    try:
        yield
    finally:
        POLICY.unlink(missing_ok=True)
