"""Checks that an export is as it was when it was signed. Each problem is a sentence, which names the file if the
problem is in one file.

The export may come from anybody, so nothing is unpacked and every size is limited.
"""

import json
import re
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from hashlib import sha256
from typing import Any, BinaryIO

from cryptography.exceptions import InvalidSignature

from alerts.exports import archive, keys
from alerts.exports.archive import Damaged, Stored
from alerts.exports.bundle import FORMAT, MANIFEST, SIGNATURE
from alerts.exports.keys import KnownKey, View
from alerts.timeline import chain

TIMELINE, ALERT = "timeline.json", "alert.json"
_NAME = re.compile(r"[a-z]{1,20}\.(json|geojson|sig)|evidence/[0-9a-f-]{36}\.[a-z0-9]{1,5}")
# The most bytes of a file that is read whole, and the most characters of a word in the manifest.
_TEXT_AT_MOST = 16 * 1024 * 1024
_WORD_AT_MOST = 200


@dataclass(slots=True)
class Verdict:
    """The result of a check.

    `problems` is empty if the export is as it was signed; `manifest` is empty if unreadable.
    """

    problems: list[str] = field(default_factory=list)
    manifest: dict[str, Any] = field(default_factory=dict)


def verify(file: BinaryIO, *, known: Sequence[KnownKey] = ()) -> Verdict:
    """Check the export; return a Verdict with the problems that were found.

    One of the `known` keys must have signed it or, if none is given, the public key in its own manifest. The manifest's
    own key proves less: somebody who changed the export could have signed it anew with another key.
    """
    verdict = Verdict()
    try:
        stored = _stored(file)
        manifest = _manifest(file, stored)
        verdict.manifest = manifest
        verdict.problems += _signature(file, stored, manifest, known)
        verdict.problems += _files(file, stored, manifest)
        verdict.problems += _timeline(file, stored, manifest)
        verdict.problems += _evidence(file, stored, manifest)
        if not verdict.problems:
            verdict.problems += _layout(file, stored)
    except Damaged as damaged:
        verdict.problems.append(str(damaged))
    return verdict


def _stored(file: BinaryIO) -> dict[str, Stored]:
    """The archive's files by name, in the order of the archive. Raises Damaged, also for a name that no export has."""
    stored: dict[str, Stored] = {}
    for each in archive.read(file):
        if not _NAME.fullmatch(each.name):
            raise Damaged(f"{each.name[:80]!r}: an export has no file of this name")
        if each.name in stored:
            raise Damaged(f"{each.name}: is in the archive twice")
        stored[each.name] = each
    return stored


def _manifest(file: BinaryIO, stored: dict[str, Stored]) -> dict[str, Any]:
    """The manifest.

    Raises Damaged if its form is not that of a manifest, so that the other checks can rely on the form.
    """
    manifest = _json(file, stored, MANIFEST)
    try:
        if manifest["format"] != FORMAT:
            raise Damaged(f"{MANIFEST}: its format is not {FORMAT}")
        words = [manifest[name] for name in ("alert_id", "exported_at", "exported_by", "key_id")]
        words += [each[name] for each in manifest["files"] for name in ("name", "sha256")]
        words += [manifest["timeline"]["head"], *manifest["unreadable"]]
        if manifest.get("view", View.OWNER) not in list(View):
            raise Damaged(f"{MANIFEST}: names no view that an export has")
        sizes = [each["size"] for each in manifest["files"]] + [manifest["timeline"]["entries"]]
    except (KeyError, TypeError, IndexError):
        raise Damaged(f"{MANIFEST}: is not the manifest of an export") from None
    # Printable only: these words go to a terminal and must not control it.
    are_words = all(isinstance(word, str) and len(word) <= _WORD_AT_MOST and word.isprintable() for word in words)
    if not are_words or not all(isinstance(size, int) for size in sizes):
        raise Damaged(f"{MANIFEST}: is not the manifest of an export")
    return dict(manifest)


def _signature(
    file: BinaryIO, stored: dict[str, Stored], manifest: dict[str, Any], known: Sequence[KnownKey]
) -> Iterator[str]:
    try:
        own = keys.of_pem(str(manifest.get("public_key")))
    except keys.NoKey:
        yield f"{MANIFEST}: its public_key is not an Ed25519 public key"
        return
    if keys.id_of(own) != manifest["key_id"]:
        yield f"{MANIFEST}: its key_id is not that of its public key"
    fitting = [each for each in known if keys.id_of(each.key) == keys.id_of(own)]
    if known and not fitting:
        given = ", ".join(keys.id_of(each.key) for each in known)
        yield f"{MANIFEST}: was signed with the key {keys.id_of(own)} and not with one that was given: {given}"
        return
    # Exports of earlier releases name no view, and have the owner's key.
    view = manifest.get("view", View.OWNER)
    if any(each.view not in (None, view) for each in fitting):
        yield f"{MANIFEST}: is of the {view}'s view, and its key signs the other view only"
    try:
        own.verify(_whole(file, stored, SIGNATURE), _whole(file, stored, MANIFEST))
    except InvalidSignature:
        yield f"{MANIFEST}: is not what was signed, or {SIGNATURE} was changed"


def _files(file: BinaryIO, stored: dict[str, Stored], manifest: dict[str, Any]) -> Iterator[str]:
    listed = Counter(each["name"] for each in manifest["files"])
    for name in sorted(stored.keys() - {*listed, MANIFEST, SIGNATURE}):
        yield f"{name}: is not in the manifest"
    for name in sorted(name for name, times in listed.items() if times > 1):
        yield f"{name}: is in the manifest twice"
    for each in manifest["files"]:
        found = stored.get(each["name"])
        if found is None:
            yield f"{each['name']}: is missing"
        elif found.size != each["size"]:
            yield f"{each['name']}: has {found.size} bytes instead of {each['size']}"
        elif (digest := _sha256(file, found)) != each["sha256"]:
            yield f"{each['name']}: was changed: its sha256 is {digest} instead of {each['sha256']}"
    for name in manifest["unreadable"]:
        yield f"{name}: could not be read when the alert was exported: the bundle is incomplete"


def _timeline(file: BinaryIO, stored: dict[str, Stored], manifest: dict[str, Any]) -> Iterator[str]:
    """Compute the chain of timeline.json again; yield a problem if a hash differs or the end is not the manifest's."""
    said = manifest["timeline"]
    try:
        entries = _json(file, stored, TIMELINE)["entries"]
        before = chain.START
        for number, entry in enumerate(entries, start=1):
            before = chain.link(before, {name: value for name, value in entry.items() if name != "hash"})
            if entry["seq"] != number or entry["hash"] != before:
                yield f"{TIMELINE}: entry {number} is the first that does not fit the chain"
                return
    except (KeyError, TypeError, AttributeError, ValueError, RecursionError):
        yield f"{TIMELINE}: is not a timeline"
        return
    if len(entries) != said["entries"] or before != said["head"]:
        yield f"{TIMELINE}: ends with entry {len(entries)} and another hash than the manifest says"


def _evidence(file: BinaryIO, stored: dict[str, Stored], manifest: dict[str, Any]) -> Iterator[str]:
    """Yield a problem for each evidence file whose hash differs from the one that alert.json states, taken when the
    file arrived.
    """
    try:
        arrived = {each["id"]: each["sha256"] for each in _json(file, stored, ALERT)["evidence"]}
    except (KeyError, TypeError):
        yield f"{ALERT}: is not an alert"
        return
    for each in manifest["files"]:
        folder, _, name = each["name"].partition("/")
        if name and folder == "evidence" and arrived.get(name.partition(".")[0]) != each["sha256"]:
            yield f"{each['name']}: was changed before it was exported: it is not the file that arrived"


def _layout(file: BinaryIO, stored: dict[str, Stored]) -> Iterator[str]:
    """Write the archive again from its files; yield a problem if any byte differs."""
    files = (archive.File(name, archive.content(file, each), size_at_most=each.size) for name, each in stored.items())
    offset = 0
    for piece in archive.write(files):
        if archive.bytes_at(file, offset, len(piece)) != piece:
            name = _file_at(stored, offset)
            yield f"{name}: the archive's own bytes in or after it, from byte {offset}, are not as they were written"
            return
        offset += len(piece)
    if file.seek(0, 2) != offset:
        yield "the archive has bytes after its end"


def _file_at(stored: dict[str, Stored], offset: int) -> str:
    """The name of the file to which this byte of the archive belongs; the last file's for the directory after all
    files.
    """
    return next((name for name, each in stored.items() if offset <= each.begins_at + each.size), list(stored)[-1])


def _json(file: BinaryIO, stored: dict[str, Stored], name: str) -> Any:
    try:
        return json.loads(_whole(file, stored, name))
    except (ValueError, RecursionError):
        raise Damaged(f"{name}: was changed: it is not JSON") from None


def _whole(file: BinaryIO, stored: dict[str, Stored], name: str) -> bytes:
    if name not in stored:
        raise Damaged(f"{name}: is missing")
    if stored[name].size > _TEXT_AT_MOST:
        raise Damaged(f"{name}: is larger than in any export")
    return b"".join(archive.content(file, stored[name]))


def _sha256(file: BinaryIO, stored: Stored) -> str:
    digest = sha256()
    for chunk in archive.content(file, stored):
        digest.update(chunk)
    return digest.hexdigest()
