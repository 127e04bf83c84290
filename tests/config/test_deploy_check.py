import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]


def test_the_documented_example_passes_the_deploy_check() -> None:
    environ = {"PATH": os.environ["PATH"], "ENV_FILE": str(ROOT / ".env.example")}
    check = subprocess.run(
        [sys.executable, "-W", "error::UserWarning:django", "manage.py", "check", "--deploy", "--fail-level", "INFO"],
        cwd=ROOT,
        env=environ,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert check.returncode == 0, check.stderr
    assert "no issues (0 silenced)" in check.stdout
