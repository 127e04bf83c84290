"""Writes an export: its files, then a manifest with the hash of each file, then the signature of the manifest."""

import json
from collections.abc import Generator, Iterable, Iterator
from dataclasses import dataclass, field
from datetime import datetime
from hashlib import sha256
from typing import Any

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from alerts.exports import archive
from alerts.exports.keys import View, id_of, pem_of
from alerts.timeline import chain

FORMAT = "alertme-export-1"
MANIFEST, SIGNATURE = "manifest.json", "manifest.sig"


@dataclass(frozen=True, kw_only=True, slots=True)
class Contents:
    """The files of an export, and the facts for its manifest.

    `unreadable` names the evidence files that the storage did not give. The list may grow while the files are read.
    """

    alert_id: str
    view: View
    files: Iterable[archive.File]
    timeline: list[chain.Entry]
    unreadable: list[str] = field(default_factory=list)


def write(contents: Contents, *, key: Ed25519PrivateKey, by: str, now: datetime) -> Generator[bytes]:
    """Yield the bytes of the export in pieces. `key` signs the manifest, and is the key of the view of `contents`. `by`
    is the URL of this installation, written into the manifest.
    """
    return archive.write(_files(contents, key=key, by=by, now=now))


def _files(contents: Contents, *, key: Ed25519PrivateKey, by: str, now: datetime) -> Iterator[archive.File]:
    listed: list[dict[str, Any]] = []
    for file in contents.files:
        digest = _Digest(file.chunks)
        yield archive.File(file.name, digest, file.size_at_most)
        listed.append({"name": file.name, "size": digest.size, "sha256": digest.sha256.hexdigest()})
    entries = contents.timeline
    manifest = {
        "format": FORMAT,
        "view": contents.view,
        "alert_id": contents.alert_id,
        "exported_at": chain.moment(now),
        "exported_by": by,
        "key_id": id_of(key.public_key()),
        "public_key": pem_of(key.public_key()),
        "timeline": {"entries": len(entries), "head": chain.head(entries)},
        "files": listed,
        "unreadable": contents.unreadable,
    }
    text = json.dumps(manifest, indent=2, ensure_ascii=False).encode()
    yield archive.File(MANIFEST, [text])
    yield archive.File(SIGNATURE, [key.sign(text)])


class _Digest:
    """Passes a file's chunks on, and keeps the SHA-256 and the number of their bytes."""

    def __init__(self, chunks: Iterable[bytes]) -> None:
        self._chunks = chunks
        self.sha256 = sha256()
        self.size = 0

    def __iter__(self) -> Iterator[bytes]:
        for chunk in self._chunks:
            self.sha256.update(chunk)
            self.size += len(chunk)
            yield chunk
