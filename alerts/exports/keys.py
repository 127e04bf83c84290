"""Reads and writes public keys as text."""

from hashlib import sha256

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat, load_pem_public_key


class NoKey(Exception):
    """The text holds no Ed25519 public key."""


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
