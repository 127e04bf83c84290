"""`python -m alerts.exports FILE`, or `manage.py verifyexport FILE`. Needs no settings, no database and no network."""

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from alerts.exports import keys
from alerts.exports.keys import KnownKey, View
from alerts.exports.verification import Verdict, verify

INTACT, CHANGED, NOT_CHECKED = 0, 1, 2
_VIEWS = {
    View.OWNER: "It is the owner's view: the alert as its owner's devices show it.",
    View.OPERATOR: "It is the operator's view: everything that is known of the alert.",
    None: "It does not say whose view it is: an earlier release made it.",
}


def main(arguments: Sequence[str], *, program: str = "verifyexport") -> int:
    """Check an export; print that it is intact, or each problem with the file it is in.

    Returns the exit code: INTACT, CHANGED or NOT_CHECKED.
    """
    parser = argparse.ArgumentParser(
        prog=program,
        description="Check an exported alert: every byte, hash and signature, and the chain of its timeline.",
        epilog="Exit code: 0 the export is intact; 1 it was changed or is incomplete; 2 it could not be checked.",
    )
    parser.add_argument("file", type=Path)
    parser.add_argument(
        "--key",
        type=Path,
        metavar="KEYFILE",
        help="the installation's keys: the response of …/api/v1/export-key/, or one public key in PEM",
    )
    given = parser.parse_args(arguments)
    try:
        known = keys.of_text(given.key.read_text()) if given.key else []
        with given.file.open("rb") as file:
            verdict = verify(file, known=known)
    except (keys.NoKey, UnicodeDecodeError):
        print(f"{given.key}: holds no Ed25519 public key", file=sys.stderr)  # noqa: T201
        return NOT_CHECKED
    except OSError as error:
        print(f"{error.filename}: {error.strerror}", file=sys.stderr)  # noqa: T201
        return NOT_CHECKED
    print("\n".join(_said(verdict, known)))  # noqa: T201
    return CHANGED if verdict.problems else INTACT


def _said(verdict: Verdict, known: Sequence[KnownKey]) -> list[str]:
    if verdict.problems:
        return ["NOT INTACT", *verdict.problems]
    manifest = verdict.manifest
    said = [
        f"Intact: alert {manifest['alert_id']}, exported {manifest['exported_at']} by {manifest['exported_by']}:"
        f" {len(manifest['files'])} files, {manifest['timeline']['entries']} timeline entries.",
        _VIEWS[manifest.get("view")],
        f"Signed with the key {manifest['key_id']}.",
    ]
    if not known:
        said.append(
            "The owner of that key was not checked: compare it with the installation's key, or give that one as --key."
        )
    elif any(each.view is None for each in known):
        said.append("The key's view was not checked: give the response of export-key/ as --key, which names views.")
    return said


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:], program="python -m alerts.exports"))
