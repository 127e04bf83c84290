"""Reads requests with fixes and makes the responses: the same for a person's history and for positions of an alert."""

from collections.abc import Mapping
from typing import Any

from drf_spectacular.utils import OpenApiParameter, OpenApiResponse
from rest_framework import status
from rest_framework.exceptions import ValidationError
from rest_framework.request import Request
from rest_framework.response import Response

from geo import policy, reading
from geo.reading import Refused, RefusedFix, Sent
from geo.serializers.uploads import UploadSerializer
from geo.tracking import Upload
from identity.api.openapi import problems
from identity.errors import TooLarge

GZIP = OpenApiParameter(
    "Content-Encoding", str, OpenApiParameter.HEADER, enum=["gzip", "identity"], description="The body may be gzip."
)
_ANSWERS: dict[Any, Any] = {
    201: UploadSerializer,
    200: OpenApiResponse(UploadSerializer, description="The request held no new fix."),
}
SINGLE_ANSWERS = _ANSWERS | problems(
    s400="The fix is refused: `errors` names the field, with a code like those of `refused`.", s413="`body_too_large`"
)
BATCH_ANSWERS = _ANSWERS | problems(
    s400="The body has no list of `locations`.",
    s413=f"`too_many_fixes`: more than {policy.MAX_BATCH}. `body_too_large`: larger than 512 KB, unpacked too.",
)


class TooManyFixes(TooLarge):
    code = "too_many_fixes"
    detail = f"A batch has at most {policy.MAX_BATCH} fixes."


def body_of(request: Request) -> Mapping[str, Any]:
    """The body of the request. Raises ValidationError unless it is an object."""
    if not isinstance(request.data, Mapping):
        raise ValidationError("The body must be an object.")
    return request.data


def invalid(refused: Refused | RefusedFix) -> ValidationError:
    return ValidationError({refused.field or "non_field_errors": [refused.code]}, code=refused.code)


def single(request: Request) -> Sent:
    """Read a body that is one fix. Raises ValidationError if the body is no object."""
    body = body_of(request)
    return Sent(items=[body], sent_at=reading.sent_at(body))


def batch(request: Request) -> Sent:
    """Read a body with a list of fixes. Raises ValidationError if it has no list, and TooManyFixes beyond MAX_BATCH."""
    body = body_of(request)
    fixes = body.get("locations")
    if not isinstance(fixes, list):
        raise ValidationError({"locations": ["This must be a list."]})
    if len(fixes) > policy.MAX_BATCH:
        raise TooManyFixes
    return Sent(items=fixes, sent_at=reading.sent_at(body))


def answer_single(upload: Upload) -> Response:
    """The response to an upload of one fix: 201 if it is new, 200 if it was stored before. Raises ValidationError if
    the fix was refused.
    """
    for refused in upload.refused:
        raise invalid(refused)
    return answer(upload)


def answer(upload: Upload) -> Response:
    code = status.HTTP_201_CREATED if upload.stored else status.HTTP_200_OK
    return Response(UploadSerializer(upload).data, status=code)
