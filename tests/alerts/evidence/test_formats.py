"""Types are recognised by content, kinds by the tracks in the container, and a file without its end is noticed."""

import io
import zipfile
from pathlib import Path

import pytest

from alerts.evidence import formats
from alerts.evidence.formats.reading import Media
from alerts.models import EvidenceKind
from tests.alerts.evidence import files

KINDS = {EvidenceKind.AUDIO: files.AUDIO, EvidenceKind.VIDEO: files.VIDEO, EvidenceKind.PHOTO: files.PHOTO}
WHOLE = [(kind, name, content) for kind, some in KINDS.items() for name, content in some.items()]
# A FLAC file does not give its length.
SAYS_ITS_LENGTH = [case for case in WHOLE if case[1] not in ("audio/flac", "video/webm")]


def bomb() -> bytes:
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("film.mp4", bytes(20_000_000))
    return packed.getvalue()


def recognise(folder: Path, content: bytes, kind: EvidenceKind) -> Media:
    path = folder / "file"
    path.write_bytes(content)
    with path.open("rb") as file:
        return formats.recognise(file, size=len(content), kind=kind)


@pytest.mark.parametrize(("kind", "name", "content"), WHOLE, ids=[name for _, name, _ in WHOLE])
def test_a_whole_file_is_recognised_as_its_own_type_only(
    tmp_path: Path, kind: EvidenceKind, name: str, content: bytes
) -> None:
    media = recognise(tmp_path, content, kind)
    assert (media.kind, media.media_type) == (kind, name)
    for other in set(EvidenceKind) - {kind}:
        with pytest.raises(formats.TypeRefused):
            recognise(tmp_path, content, other)


@pytest.mark.parametrize(("kind", "name", "content"), SAYS_ITS_LENGTH, ids=[name for _, name, _ in SAYS_ITS_LENGTH])
def test_a_file_without_its_end_is_refused(tmp_path: Path, kind: EvidenceKind, name: str, content: bytes) -> None:
    if name == "audio/mpeg":
        content = content[: -len(b"TAG") - 125]
    for missing in (1, len(content) // 3, len(content) // 2):
        with pytest.raises((formats.FileTruncated, formats.TypeRefused)):
            recognise(tmp_path, content[:-missing], kind)
    with pytest.raises(formats.FileTruncated):
        recognise(tmp_path, content[:-1], kind)


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"\0" * 5_000,
        b"<html><script>alert(1)</script></html>",
        b"#!/bin/sh\nrm -rf /\n",
        b"%PDF-1.7\n" + b"x" * 500,
        b"\x1f\x8b\x08" + b"x" * 500,
        bomb(),
        files.box(b"ftyp", b"isom" + bytes(8)) + files.box(b"mdat", bomb()) + files.box(b"moov", b""),
        files.box(b"ftyp", b"isom") + b"\0\0\0\2free",
        b"\x1a\x45\xdf\xa3" + b"\0" * 100,
        files.webm(2, doc_type=b"other"),
        files.webm(17),
        b"OggS" + bytes(22) + b"\0" + b"<html>" * 50,
        b"RIFF\x04\0\0\0AVI ",
        b"ID3\x04\0\0\0\0\0\0" + b"<html>" * 50,
        b"\xff\xfb\x90\x00" + b"<html>" * 500,
        b"\xff\xd8\xff" + b"<html>" * 500,
        b"#!AMR\n<html>" + b"\xff" * 100,
    ],
)
@pytest.mark.parametrize("kind", list(EvidenceKind))
def test_a_file_that_is_no_medium_is_refused(tmp_path: Path, content: bytes, kind: EvidenceKind) -> None:
    with pytest.raises((formats.TypeRefused, formats.FileTruncated)):
        recognise(tmp_path, content, kind)


def test_a_recording_that_was_broken_off_is_told_from_a_wrong_type(tmp_path: Path) -> None:
    without_index = files.mp4(b"vide")[: 20 + 2_008]
    with pytest.raises(formats.FileTruncated):
        recognise(tmp_path, without_index, EvidenceKind.VIDEO)


def test_open_lengths_and_trailers_that_recorders_write_are_accepted(tmp_path: Path) -> None:
    assert recognise(tmp_path, files.wav(is_open=True), EvidenceKind.AUDIO).media_type == "audio/wav"
    assert recognise(tmp_path, files.webm(2, open_ended=True), EvidenceKind.AUDIO).media_type == "audio/webm"
    assert recognise(tmp_path, files.mp3(tagged=False), EvidenceKind.AUDIO).media_type == "audio/mpeg"
    moving = files.jpeg(trailer=files.mp4(b"vide"))
    assert recognise(tmp_path, moving, EvidenceKind.PHOTO).media_type == "image/jpeg"


@pytest.mark.parametrize("content", [case[2] for case in WHOLE], ids=[case[1] for case in WHOLE])
def test_a_damaged_file_is_accepted_or_refused_and_nothing_else(tmp_path: Path, content: bytes) -> None:
    """Each of the first 120 bytes inverted: the file is accepted or refused, without another error and without
    delay."""
    for place in range(min(120, len(content))):
        damaged = bytearray(content)
        damaged[place] ^= 0xFF
        for kind in EvidenceKind:
            try:
                recognise(tmp_path, bytes(damaged), kind)
            except (formats.TypeRefused, formats.FileTruncated):
                continue
