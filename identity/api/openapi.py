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
# Descriptions of errors that several operations share.
TOO_MANY = "`too_many_requests`; Retry-After says when to try again"
STALE = "`precondition_failed`"

ETAG = OpenApiParameter("ETag", str, OpenApiParameter.HEADER, response=[200], description="Changes with the object.")


def problems(**descriptions: str) -> dict[Any, OpenApiResponse]:
    """Error responses for OpenAPI, by status, from words like `problems(s429="Retry-After says when")`."""
    return {
        (int(name[1:]), "application/problem+json"): OpenApiResponse(_PROBLEM, description=text)
        for name, text in descriptions.items()
    }
