"""Executes a POST once, though it is repeated with the same Idempotency-Key: the repeats get the first response.

Phones on slow networks lose responses and send the POST again. The response is stored in the transaction of the POST
itself, so neither is stored without the other.
"""

import functools
import hashlib
import json
import re
import zlib
from base64 import b64decode, b64encode
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from typing import Any, Concatenate, ParamSpec, TypeVar

from django.db import transaction
from rest_framework.exceptions import ParseError
from rest_framework.renderers import JSONRenderer
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from identity.errors import Inconsistent, Invalid, TooMany
from identity.models import IdempotencyRecord
from messaging import encryption
from messaging.database import clock
from messaging.database.sql import rows

KEPT_FOR = timedelta(hours=24)
# Records of one person: an app sends some dozens of keys in a day.
MOST_KEPT = 500
_KEY = re.compile(r"[\x21-\x7e]{1,100}")

P = ParamSpec("P")
V = TypeVar("V", bound=APIView)

# Beyond MOST_KEPT no row is inserted.
# A simultaneous repeat waits here until the first POST commits or rolls back. After a commit it finds the record, after
# a rollback it inserts its own. A record older than KEPT_FOR is taken over.
_CLAIM = """
INSERT INTO identity_idempotencyrecord (user_id, method, path, key, body_sha256, created_at)
SELECT %(user_id)s, %(method)s, %(path)s, %(key)s, %(body_sha256)s, %(now)s
WHERE (SELECT count(*) FROM identity_idempotencyrecord WHERE user_id = %(user_id)s) < %(most)s
ON CONFLICT (user_id, method, path, key) DO UPDATE
    SET body_sha256 = excluded.body_sha256, status = NULL, body = NULL, encrypted_body = NULL,
        created_at = excluded.created_at
    WHERE identity_idempotencyrecord.created_at <= %(forgotten)s
RETURNING id
"""


class KeyInvalid(Invalid):
    code = "idempotency_key_invalid"
    detail = "Idempotency-Key must be 1 to 100 printable ASCII characters without spaces."


class TooManyKeys(TooMany):
    code = "too_many_idempotency_keys"
    detail = f"There are {MOST_KEPT} Idempotency-Keys of the last 24 hours. Send no key, or try again later."
    retry_after_s = 3_600


class KeyReused(Inconsistent):
    code = "idempotency_key_reused"
    detail = "This Idempotency-Key was used with another body."


def replayable(
    post: Callable[Concatenate[V, Request, P], Response],
) -> Callable[Concatenate[V, Request, P], Response]:
    """Decorate an APIView's `post` of a signed-in person: it runs in one transaction, once per Idempotency-Key.

    Without the header it only runs in a transaction. Only 2xx responses are stored (status and body, no headers). Any
    other response or an error rolls the transaction back. A repeated response carries `Idempotency-Replayed: true`.
    Raises KeyInvalid, KeyReused (another body), or TooManyKeys if the person has MOST_KEPT records. Instead of
    TooManyKeys a method in the view's `never_limited`, like a press, runs without a record.
    """

    @functools.wraps(post)
    def once(self: V, request: Request, /, *args: P.args, **kwargs: P.kwargs) -> Response:
        with _claimed(self, request, key=_key(request)) as (record, is_new):
            if record and not is_new:
                if not _is_same(record, request):
                    raise KeyReused
                return _replay(record)
            return _run(post(self, request, *args, **kwargs), record)

    return once


def never_refused(
    *, again: Callable[Concatenate[Request, Any, P], Response | None]
) -> Callable[[Callable[Concatenate[V, Request, P], Response]], Callable[Concatenate[V, Request, P], Response]]:
    """Decorate a `post` like `replayable`, but never raise KeyInvalid or KeyReused.

    A malformed key is stored as its hash. If the same key came before with another body, `again(request, stored body
    of the response, …)` gives the response. If `again` returns None, `post` runs as without a key.
    """

    def decorate(
        post: Callable[Concatenate[V, Request, P], Response],
    ) -> Callable[Concatenate[V, Request, P], Response]:
        @functools.wraps(post)
        def once(self: V, request: Request, /, *args: P.args, **kwargs: P.kwargs) -> Response:
            with _claimed(self, request, key=_any_key(request)) as (record, is_new):
                if not record or is_new:
                    return _run(post(self, request, *args, **kwargs), record)
                if _is_same(record, request):
                    return _replay(record)
                stands = again(request, _body_of(record), *args, **kwargs)
                return _run(stands or post(self, request, *args, **kwargs), None)

        return once

    return decorate


def is_odd(request: Request) -> bool:
    """Whether the request has an Idempotency-Key that `replayable` refuses."""
    key = request.headers.get("Idempotency-Key")
    return key is not None and not _KEY.fullmatch(key)


@contextmanager
def _claimed(view: APIView, request: Request, *, key: str | None) -> Iterator[tuple[IdempotencyRecord | None, bool]]:
    """Open a transaction; yield the record of this key, and whether this request is the first and must fill it.

    The record is None without a key. If the person has MOST_KEPT records it is None for a method in the view's
    `never_limited`; other methods raise TooManyKeys.
    """
    with transaction.atomic():
        now = clock.set_request_timeout()
        record, is_new = _claim(request, key=key, now=now) if key else (None, True)
        if key and record is None and request.method not in getattr(view, "never_limited", ()):
            raise TooManyKeys
        yield record, is_new


def _run(response: Response, record: IdempotencyRecord | None) -> Response:
    """Store a response below 300 in the record, if there is one; roll back after any other. Return the response."""
    if response.status_code >= 300:
        transaction.set_rollback(True)
    elif record:
        _keep(record, response)
    return response


def _key(request: Request) -> str | None:
    if is_odd(request):
        raise KeyInvalid
    return request.headers.get("Idempotency-Key")


def _any_key(request: Request) -> str | None:
    """The Idempotency-Key, or the hash of a key that `replayable` refuses; None if the key is blank or missing."""
    key = request.headers.get("Idempotency-Key", "").strip()
    if not is_odd(request) or not key:
        return key or None
    return f"sha256:{hashlib.sha256(key.encode(errors='surrogatepass')).hexdigest()}"


def _claim(request: Request, *, key: str, now: datetime) -> tuple[IdempotencyRecord | None, bool]:
    """The record of this key, and whether this request must fill it. No record: the person has MOST_KEPT other ones."""
    scope = {"user_id": request.user.pk, "method": request.method or "", "path": request.path, "key": key}
    limits = {"forgotten": now - KEPT_FOR, "most": MOST_KEPT}
    claimed = rows(_CLAIM, scope | limits | {"body_sha256": _digest(request), "now": now})
    return IdempotencyRecord.objects.filter(**scope).first(), bool(claimed)


def _digest(request: Request) -> bytes:
    data = request.data
    if isinstance(data, dict) and "pin" in data:
        # A thief of the table could find out a PIN from its hash. Each repeat has proved its own PIN already.
        data = {name: value for name, value in data.items() if name != "pin"}
    # A query string says something too: `?drill=true` does.
    query = request.META.get("QUERY_STRING")
    said = [data, query] if query else data
    try:
        text = json.dumps(said, sort_keys=True, separators=(",", ":"), default=repr)
    except RecursionError as error:
        raise ParseError("The JSON is nested too deeply.") from error
    return hashlib.sha256(text.encode()).digest()


def _is_same(record: IdempotencyRecord, request: Request) -> bool:
    return bytes(record.body_sha256) == _digest(request)


def _replay(record: IdempotencyRecord) -> Response:
    return Response(_body_of(record), status=record.status, headers={"Idempotency-Replayed": "true"})


def _body_of(record: IdempotencyRecord) -> Any:
    """The body of the stored response; None if the encryption key of the body is not in DATA_KEYS any more."""
    if record.encrypted_body is None:
        return record.body
    try:
        packed = encryption.decrypt(record.encrypted_body, about=encryption.RESPONSE)
    except encryption.Unreadable:
        return None
    return json.loads(zlib.decompress(b64decode(packed)))


def _keep(record: IdempotencyRecord, response: Response) -> None:
    record.status = response.status_code
    packed = zlib.compress(JSONRenderer().render(response.data) or b"null", level=1)
    record.encrypted_body = encryption.encrypt(b64encode(packed).decode(), about=encryption.RESPONSE)
    record.save(update_fields=["status", "encrypted_body"])
