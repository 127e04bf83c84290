"""The check of an export finds a changed byte wherever it is, and no file harms it."""

import json
import os
import random
import subprocess
import sys
from collections.abc import Iterable
from datetime import UTC, datetime
from io import BytesIO
from pathlib import Path
from struct import pack
from typing import Any
from zipfile import ZIP_DEFLATED, ZipFile

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from alerts.exports import archive, bundle, keys, signing
from alerts.exports.__main__ import CHANGED, INTACT, NOT_CHECKED, main
from alerts.exports.keys import KnownKey, View
from alerts.exports.verification import verify
from deploy.local.environment import ROOT
from tests.alerts.exports.conftest import problems

KEY = Ed25519PrivateKey.from_private_bytes(b"k" * 32)
OTHER = Ed25519PrivateKey.from_private_bytes(b"o" * 32)


def signed(more: Iterable[tuple[str, bytes]] = (), **changes: Any) -> bytes:
    """An export with these files and changes in its manifest, signed by KEY."""
    there = {"alert.json": b'{"evidence": []}', "timeline.json": b'{"entries": []}'} | dict(more)
    contents = bundle.Contents(
        alert_id="x",
        view=View.OWNER,
        files=[archive.File(name, [said]) for name, said in there.items()],
        timeline=[],
    )
    made = b"".join(bundle.write(contents, key=KEY, by="http://here", now=datetime(2026, 1, 1, tzinfo=UTC)))
    if not changes:
        return made
    inside = inside_of(made)
    manifest = json.dumps(json.loads(inside["manifest.json"]) | changes).encode()
    return zipped(inside | {"manifest.json": manifest, "manifest.sig": KEY.sign(manifest)})


def zipped(files: dict[str, bytes]) -> bytes:
    return b"".join(archive.write(archive.File(name, [said]) for name, said in files.items()))


def inside_of(made: bytes) -> dict[str, bytes]:
    with ZipFile(BytesIO(made)) as opened:
        return {name: opened.read(name) for name in opened.namelist()}


def flipped(made: bytes, place: int) -> bytes:
    return made[:place] + bytes([made[place] ^ 0x01]) + made[place + 1 :]


@pytest.mark.django_db
def test_no_changed_byte_passes_and_the_file_is_named(bundle: bytes) -> None:
    """Change each byte of the archive's structure and the signature, and 40 bytes of each file's content."""
    stored = archive.read(BytesIO(bundle))
    contents = {place: each.name for each in stored for place in range(each.begins_at, each.begins_at + each.size)}
    dice = random.Random(7)
    chosen = [place for place in range(len(bundle)) if place not in contents or contents[place] == "manifest.sig"]
    for each in stored:
        chosen += dice.sample(range(each.begins_at, each.begins_at + each.size), 40)
    assert len(chosen) > 1_000
    for place in chosen:
        found = problems(flipped(bundle, place))
        assert found, f"byte {place} of {contents.get(place, 'the archive')}"
        name = contents.get(place)
        if name is not None:
            assert any(name in problem for problem in found), (place, name, found)


@pytest.mark.django_db
def test_no_truncated_bundle_passes(bundle: bytes) -> None:
    for length in {0, 1, 21, 22, 100, len(bundle) // 2, len(bundle) - 22, len(bundle) - 1}:
        assert problems(bundle[:length]) == ["this is no whole ZIP archive: its end is missing"]
    assert problems(bundle + b"\0")
    assert problems(b"\0" + bundle)


@pytest.mark.django_db
def test_a_step_that_was_changed_is_named(bundle: bytes) -> None:
    inside = inside_of(bundle)
    steps = json.loads(inside["timeline.json"])
    steps["entries"][2]["by"] = "owner"
    inside["timeline.json"] = json.dumps(steps).encode()
    found = problems(zipped(inside))
    assert [problem.partition(":")[0] for problem in found] == ["timeline.json", "timeline.json"]
    assert found[1] == "timeline.json: entry 3 is the first that does not fit the chain"


def test_a_step_taken_from_the_end_shows() -> None:
    made = signed(timeline={"entries": 1, "head": "1" * 64})
    assert problems(made) == ["timeline.json: ends with entry 0 and another hash than the manifest says"]


def test_files_that_are_too_many_or_too_few() -> None:
    inside = inside_of(signed([("positions.geojson", b"{}")]))
    assert problems(zipped(inside | {"more.json": b"{}"})) == ["more.json: is not in the manifest"]
    del inside["positions.geojson"]
    assert problems(zipped(inside)) == ["positions.geojson: is missing"]
    for name in ("manifest.json", "manifest.sig"):
        without = {other: said for other, said in inside.items() if other != name}
        assert f"{name}: is missing" in problems(zipped(without))


def test_an_export_of_an_earlier_release_is_intact() -> None:
    """Exports are kept for years, also by courts: neither the reading nor the writing of the archive may change."""
    kept = Path(__file__).with_name("export-1.zip").read_bytes()
    assert verify(BytesIO(kept), known=[KnownKey(KEY.public_key(), View.OWNER)]).problems == []
    assert zipped(inside_of(kept)) == kept


def test_only_its_key_verifies_it() -> None:
    made = signed()
    assert verify(BytesIO(made), known=[KnownKey(OTHER.public_key()), KnownKey(KEY.public_key())]).problems == []
    (problem,) = verify(BytesIO(made), known=[KnownKey(OTHER.public_key())]).problems
    assert "not with one that was given" in problem
    resigned = inside_of(made)
    resigned["manifest.sig"] = OTHER.sign(resigned["manifest.json"])
    assert problems(zipped(resigned)) == ["manifest.json: is not what was signed, or manifest.sig was changed"]
    assert "key_id" in problems(signed(public_key=keys.pem_of(OTHER.public_key())))[0]


@pytest.mark.parametrize(
    "manifest",
    [
        {"format": "other"},
        {"files": None},
        {"files": [{"name": "x"}]},
        {"files": [{"name": "\x1b[2J", "sha256": "", "size": 1}]},
        {"files": [{"name": "x", "sha256": "y", "size": "1"}]},
        {"files": "x"},
        {"timeline": []},
        {"unreadable": [1]},
        {"unreadable": None},
        {"public_key": "none"},
        {"public_key": 7},
        {"view": "police"},
        {"view": None},
        {"view": ["owner"]},
        {"exported_by": "\x1b]0;owned\x07"},
        {"exported_by": "x" * 100_000},
    ],
)
def test_a_manifest_of_another_form(manifest: dict[str, Any]) -> None:
    (problem, *_) = problems(signed(**manifest))
    assert problem.startswith("manifest.json: ")
    assert problem.isprintable()


@pytest.mark.parametrize("said", [b"", b"[]", b"7", b'{"entries": 7}', b'{"entries": [7]}', b"[" * 100_000, b"\xff"])
def test_files_of_another_form(said: bytes) -> None:
    for name in ("alert.json", "timeline.json"):
        (problem,) = problems(signed([(name, said)]))
        assert problem.startswith(f"{name}: ")
    inside = inside_of(signed())
    assert problems(zipped(inside | {"manifest.json": said}))[0].startswith("manifest.json: ")


@pytest.mark.parametrize("name", ["../alert.json", "/etc/passwd", "a/../b.json", "evidence/x.wav", "", "\x1b[2J.json"])
def test_names_that_lead_elsewhere(name: str) -> None:
    (problem,) = problems(zipped({name: b"x"}))
    assert "an export has no file of this name" in problem
    assert problem.isprintable()


def test_names_that_repeat() -> None:
    twice = b"".join(archive.write(archive.File("alert.json", [b"{}"]) for _ in range(2)))
    assert problems(twice) == ["alert.json: is in the archive twice"]


def test_an_archive_that_would_grow_without_bound_is_refused() -> None:
    made = BytesIO()
    with ZipFile(made, "w", ZIP_DEFLATED) as bomb:
        bomb.writestr("manifest.json", b" " * 50_000_000)
    assert problems(made.getvalue())
    # One megabyte, listed a thousand times.
    one = zipped({"alert.json": b"x" * 1_000_000})
    entry = one[one.rindex(b"PK\1\2") : -22]
    offset = len(one) - 22 - len(entry)
    end = pack("<4sHHHHIIH", b"PK\5\6", 0, 0, 1000, 1000, 1000 * len(entry), offset, 0)
    assert problems(one[:offset] + entry * 1000 + end) == ["the archive's directory does not fit its files"]
    many = pack("<4sHHHHIIH", b"PK\5\6", 0, 0, 60_000, 60_000, 0, 0, 0)
    assert problems(many) == ["the archive lists more files than an export has"]
    (problem,) = problems(zipped({"manifest.json": b" " * (17 * 1024 * 1024)}))
    assert problem == "manifest.json: is larger than in any export"


def test_random_bytes_cause_no_crash() -> None:
    dice = random.Random(3)
    made = signed()
    for _ in range(3_000):
        noisy = bytearray(made)
        for _ in range(dice.randint(1, 8)):
            noisy[dice.randrange(len(noisy))] = dice.randrange(256)
        assert bytes(noisy) == made or problems(bytes(noisy))


def test_the_forms_for_large_files_are_checked_too() -> None:
    """A film of 4 GiB is stored with ZIP64 fields. Here the size is only declared, so that no test has to write one."""
    small = {"alert.json": b'{"evidence": []}'}
    large = b"".join(archive.write(archive.File(name, [said], size_at_most=1 << 32) for name, said in small.items()))
    with ZipFile(BytesIO(large)) as opened:
        assert opened.testzip() is None
        assert opened.read("alert.json") == small["alert.json"]


@pytest.mark.django_db
class TestCommand:
    @pytest.fixture
    def at(self, bundle: bytes, tmp_path: Path) -> Path:
        (tmp_path / "export.zip").write_bytes(bundle)
        (tmp_path / "key.pem").write_text(signing.public_keys()[0].pem)
        (tmp_path / "other.pem").write_text(keys.pem_of(OTHER.public_key()))
        return tmp_path

    def test_without_settings_or_database(self, at: Path, alert: str) -> None:
        for command in (["manage.py", "verifyexport"], ["-m", "alerts.exports"]):
            run = subprocess.run(
                [sys.executable, *command, str(at / "export.zip"), "--key", str(at / "key.pem")],
                cwd=ROOT,
                env={"PATH": os.environ["PATH"], "ENV_FILE": os.devnull},
                capture_output=True,
                text=True,
                timeout=60,
                check=False,
            )
            assert (run.returncode, run.stderr) == (INTACT, "")
            assert run.stdout.startswith(f"Intact: alert {alert}, exported ")

    def test_says_whose_key_was_not_checked(self, at: Path, capsys: pytest.CaptureFixture[str]) -> None:
        assert main([str(at / "export.zip")]) == INTACT
        assert "The owner of that key was not checked" in capsys.readouterr().out

    def test_names_the_changed_file(self, at: Path, bundle: bytes, capsys: pytest.CaptureFixture[str]) -> None:
        film = archive.read(BytesIO(bundle))[3]
        (at / "export.zip").write_bytes(flipped(bundle, film.begins_at + 100))
        assert main([str(at / "export.zip"), "--key", str(at / "key.pem")]) == CHANGED
        assert f"{film.name}: was changed" in capsys.readouterr().out

    def test_another_key(self, at: Path) -> None:
        assert main([str(at / "export.zip"), "--key", str(at / "other.pem")]) == CHANGED

    def test_an_unreadable_export_or_key_is_not_checked(self, at: Path) -> None:
        assert main([str(at / "none.zip")]) == NOT_CHECKED
        assert main([str(at / "export.zip"), "--key", str(at / "export.zip")]) == NOT_CHECKED
        (at / "no.pem").write_text("no key")
        assert main([str(at / "export.zip"), "--key", str(at / "no.pem")]) == NOT_CHECKED
