"""Reads the parts of a request that every view needs: the valid body, the signed-in person and session, the ETags."""

from typing import Any
from uuid import UUID

from django.utils.http import parse_etags
from rest_framework.exceptions import NotAuthenticated, ParseError
from rest_framework.request import Request
from rest_framework.serializers import BaseSerializer

from identity.models import User


def parse(serializer: type[BaseSerializer[Any]], request: Request, *, partial: bool = False) -> dict[str, Any]:
    """The validated body.

    With `partial`, no field is required and only the fields that were sent are returned. Raises ValidationError, or
    ParseError for JSON that is nested too deeply.
    """
    try:
        parsed = serializer(data=request.data, partial=partial)
        parsed.is_valid(raise_exception=True)
    except RecursionError as error:
        # Fields put the refused value into their message, and Python cannot represent a deeply nested value.
        raise ParseError("The JSON is nested too deeply.") from error
    validated: dict[str, Any] = parsed.validated_data
    return validated


def person(request: Request) -> User:
    """The signed-in person. Raises NotAuthenticated without one; views behind IsAuthenticated always have one."""
    if not isinstance(request.user, User):
        raise NotAuthenticated
    return request.user


def session_id(request: Request) -> UUID | None:
    """The id of the session that the access token names; None if the request came without an access token."""
    session = person(request).session
    return session.id if session else None


def if_match(request: Request) -> list[str] | None:
    """The ETags of the If-Match header; None without the header."""
    header = request.headers.get("If-Match")
    return None if header is None else parse_etags(header)
