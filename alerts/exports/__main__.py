"""`python -m alerts.exports FILE`, or `manage.py verifyexport FILE`. Needs no settings, no database and no network."""

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from alerts.exports import keys
from alerts.exports.verification import Verdict, verify

INTACT, CHANGED, NOT_CHECKED = 0, 1, 2


def main(arguments: Sequence[str], *, program: str = "verifyexport") -> int:
    """Check a bundle and print each problem with the file it is in. Returns the exit code."""
    parser = argparse.ArgumentParser(
        prog=program,
        description="Check an exported alert: every byte, hash and signature, and the chain of its timeline.",
        epilog="Exit code: 0 the export is intact; 1 it was changed or is incomplete; 2 it could not be checked.",
    )
    parser.add_argument("file", type=Path)
    parser.add_argument("--key", type=Path, metavar="PEMFILE", help="the public key from …/api/v1/export-key/")
    given = parser.parse_args(arguments)
    try:
        key = keys.of_pem(given.key.read_text()) if given.key else None
        with given.file.open("rb") as file:
            verdict = verify(file, key=key)
    except (keys.NoKey, UnicodeDecodeError):
        print(f"{given.key}: holds no Ed25519 public key", file=sys.stderr)  # noqa: T201
        return NOT_CHECKED
    except OSError as error:
        print(f"{error.filename}: {error.strerror}", file=sys.stderr)  # noqa: T201
        return NOT_CHECKED
    print("\n".join(_said(verdict, key)))  # noqa: T201
    return CHANGED if verdict.problems else INTACT


def _said(verdict: Verdict, key: Ed25519PublicKey | None) -> list[str]:
    if verdict.problems:
        return ["NOT INTACT", *verdict.problems]
    manifest = verdict.manifest
    said = [
        f"Intact: alert {manifest['alert_id']}, exported {manifest['exported_at']} by {manifest['exported_by']}:"
        f" {len(manifest['files'])} files, {manifest['timeline']['entries']} timeline entries.",
        f"Signed with the key {manifest['key_id']}.",
    ]
    if key is None:
        said.append(
            "The owner of that key was not checked: compare it with the installation's key, or give that one as --key."
        )
    return said


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:], program="python -m alerts.exports"))
