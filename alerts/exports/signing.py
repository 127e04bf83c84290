"""The keys that sign exports (Ed25519, RFC 8032), and their public halves for everyone who checks an export."""

from dataclasses import dataclass
from functools import cache

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from django.conf import settings

from alerts.exports.keys import id_of, pem_of


@dataclass(frozen=True, slots=True)
class PublicKey:
    id: str
    pem: str


def signing_key() -> Ed25519PrivateKey:
    """EXPORT_SIGNING_KEY; without it, a key derived from SECRET_KEY."""
    if settings.EXPORT_SIGNING_KEY:
        return Ed25519PrivateKey.from_private_bytes(bytes.fromhex(settings.EXPORT_SIGNING_KEY))
    return _derived(settings.SECRET_KEY)


def public_keys() -> list[PublicKey]:
    """This installation's public keys: first the key that signs now, then earlier ones whose secrets are still set."""
    keys = [signing_key(), *map(_derived, (settings.SECRET_KEY, *settings.SECRET_KEY_FALLBACKS))]
    public = {id_of(key.public_key()): pem_of(key.public_key()) for key in keys}
    return [PublicKey(key_id, pem) for key_id, pem in public.items()]


@cache
def _derived(secret: str) -> Ed25519PrivateKey:
    seed = HKDF(algorithm=SHA256(), length=32, salt=None, info=b"alertme export, Ed25519").derive(secret.encode())
    return Ed25519PrivateKey.from_private_bytes(seed)
