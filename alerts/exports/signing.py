"""The keys that sign exports (Ed25519, RFC 8032), and their public keys for everyone who checks an export."""

from dataclasses import dataclass
from functools import cache

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from django.conf import settings

from alerts.exports.keys import View, id_of, pem_of

# Both are derived from one secret. Exports of earlier releases name no view and have the owner's key.
_INFO = {View.OWNER: b"alertme export, Ed25519", View.OPERATOR: b"alertme export for operators, Ed25519"}


@dataclass(frozen=True, slots=True)
class PublicKey:
    id: str
    view: View
    pem: str


def signing_key(view: View) -> Ed25519PrivateKey:
    """The key that signs new exports of this view.

    The operator's key is derived from EXPORT_SIGNING_KEY; the owner's key is EXPORT_SIGNING_KEY itself. If that is not
    set, both are derived from SECRET_KEY.
    """
    return _keys(view)[0]


def public_keys() -> list[PublicKey]:
    """This installation's public keys: for each view the one that signs now, then earlier ones whose secrets are still
    set.
    """
    public = {id_of(key.public_key()): (view, pem_of(key.public_key())) for view in View for key in _keys(view)}
    return [PublicKey(key_id, view, pem) for key_id, (view, pem) in public.items()]


def _keys(view: View) -> list[Ed25519PrivateKey]:
    keys = [_derived(secret, view) for secret in (settings.SECRET_KEY, *settings.SECRET_KEY_FALLBACKS)]
    if settings.EXPORT_SIGNING_KEY:
        seed = bytes.fromhex(settings.EXPORT_SIGNING_KEY)
        own = Ed25519PrivateKey.from_private_bytes(seed)
        keys.insert(0, own if view == View.OWNER else _derived(settings.EXPORT_SIGNING_KEY.lower(), view))
    return keys


@cache
def _derived(secret: str, view: View) -> Ed25519PrivateKey:
    seed = HKDF(algorithm=SHA256(), length=32, salt=None, info=_INFO[view]).derive(secret.encode())
    return Ed25519PrivateKey.from_private_bytes(seed)
