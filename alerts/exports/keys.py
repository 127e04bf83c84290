"""Reads and writes public keys as text. Each view of an alert has keys of its own."""

import json
from dataclasses import dataclass
from enum import StrEnum
from hashlib import sha256

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat, load_pem_public_key


class NoKey(Exception):
    """The text holds no Ed25519 public key."""


class View(StrEnum):
    """The reader for whom an export is made: the owner, with what the owner's devices show, or an operator, with
    everything.
    """

    OWNER = "owner"
    OPERATOR = "operator"


@dataclass(frozen=True, slots=True)
class KnownKey:
    """A public key that somebody trusts; `view` is None if they were not told which view it signs."""

    key: Ed25519PublicKey
    view: View | None = None


def pem_of(key: Ed25519PublicKey) -> str:
    return key.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode()


def id_of(key: Ed25519PublicKey) -> str:
    """The key's id: the first 32 hexadecimal digits of the SHA-256 of its 32 bytes."""
    return sha256(key.public_bytes_raw()).hexdigest()[:32]


def of_pem(text: str) -> Ed25519PublicKey:
    """The Ed25519 public key in a PEM text. Raises NoKey if the text holds no such key."""
    try:
        key = load_pem_public_key(text.encode())
    except (ValueError, UnsupportedAlgorithm) as error:
        raise NoKey from error
    if not isinstance(key, Ed25519PublicKey):
        raise NoKey
    return key


def of_text(text: str) -> list[KnownKey]:
    """The public keys in `text`: one key in PEM, or all keys of a response of `export-key/`, each with its view. Raises
    NoKey.
    """
    if not text.lstrip().startswith("{"):
        return [KnownKey(of_pem(text))]
    try:
        found = [_known(**each) for each in json.loads(text)["keys"]]
    except (ValueError, KeyError, TypeError, RecursionError) as error:
        raise NoKey from error
    if not found:
        raise NoKey
    return found


def _known(*, pem: str, view: str | None = None, **_others: object) -> KnownKey:
    # Earlier releases named no view.
    return KnownKey(of_pem(pem), View(view) if view else None)
