"""Signed URLs of evidence: they need no log-in, because media players send none.

They expire by the database's clock.
"""

from datetime import datetime, timedelta
from uuid import UUID

from django.conf import settings
from django.core import signing
from django.urls import reverse

from alerts.models import Evidence

# Longer than anyone listens: a player asks for the next range by the same URL.
VALID_FOR = timedelta(hours=2)
_SALT = "alerts.evidence"


def signed_url(evidence: Evidence, *, now: datetime) -> str:
    """A URL by which anyone who has it may read the file for the next two hours."""
    signature = signing.dumps([evidence.id.hex, int((now + VALID_FOR).timestamp())], salt=_SALT)
    return settings.PUBLIC_BASE_URL + reverse("evidence-file", args=[signature])


def opened(signature: str, *, now: datetime) -> Evidence | None:
    """The evidence of a signed URL; None if the signature is forged or has expired, or if the file was erased."""
    try:
        evidence_id, expires_at = signing.loads(signature, salt=_SALT)
    except signing.BadSignature:
        return None
    if now.timestamp() >= expires_at:
        return None
    return Evidence.objects.filter(id=UUID(hex=evidence_id), erased_at=None).first()
