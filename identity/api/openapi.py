"""Descriptions of headers and errors for OpenAPI."""

from typing import Any

from drf_spectacular.utils import OpenApiParameter, OpenApiResponse

_PROBLEM = {"$ref": "#/components/schemas/Problem"}

IDEMPOTENCY_KEY = OpenApiParameter(
    "Idempotency-Key",
    {"type": "string", "pattern": r"^[\x21-\x7e]{1,100}$"},
    OpenApiParameter.HEADER,
    description="Repeats within 24 h get the first response, with `Idempotency-Replayed: true`. With another body they"
    " are 422, but for a press and a heartbeat.",
)
IF_MATCH = OpenApiParameter(
    "If-Match",
    str,
    OpenApiParameter.HEADER,
    description="The ETag that the client read last. The response is 412 if it is outdated.",
)
PIN_HEADER = OpenApiParameter(
    "X-Pin",
    {"type": "string", "pattern": "^[0-9]{4,8}$"},
    OpenApiParameter.HEADER,
    description="The safe or the duress PIN, needed once PINs are set (`me/pin/`). `pin` in a JSON body is the same.",
)
# Descriptions of errors that several operations share.
TOO_MANY = "`too_many_requests`; Retry-After says when to try again"
STALE = "`precondition_failed`"
PIN = (
    "Once PINs are set: `pin_required`; `pin_wrong`; `pin_locked`, after too many wrong ones: Retry-After says for how"
    " long. Nothing has changed."
)

ETAG = OpenApiParameter("ETag", str, OpenApiParameter.HEADER, response=[200], description="Changes with the object.")


def problems(**descriptions: str) -> dict[Any, OpenApiResponse]:
    """Error responses for OpenAPI, by status, from words like `problems(s429="Retry-After says when")`."""
    return {
        (int(name[1:]), "application/problem+json"): OpenApiResponse(_PROBLEM, description=text)
        for name, text in descriptions.items()
    }
