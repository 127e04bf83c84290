"""What every view reads from a request: its valid body, the signed-in person, the client's address."""

from typing import Any, cast
from uuid import UUID

from django.http import HttpRequest
from django.utils.http import parse_etags
from rest_framework.exceptions import NotAuthenticated, ParseError
from rest_framework.request import Request
from rest_framework.serializers import BaseSerializer
from rest_framework.throttling import BaseThrottle
from rest_framework_simplejwt.tokens import Token

from identity.models import Session, User


def parse(serializer: type[BaseSerializer[Any]], request: Request, *, partial: bool = False) -> dict[str, Any]:
    """The validated body; with `partial`, only the fields that were sent."""
    try:
        parsed = serializer(data=request.data, partial=partial)
        parsed.is_valid(raise_exception=True)
    except RecursionError as error:
        # Fields put what they refuse into their messages: the representation of a deep value does not end.
        raise ParseError("The JSON is nested too deeply.") from error
    validated: dict[str, Any] = parsed.validated_data
    return validated


def person(request: Request) -> User:
    """The signed-in person; views behind IsAuthenticated always have one."""
    if not isinstance(request.user, User):
        raise NotAuthenticated
    return request.user


def session_id(request: Request) -> UUID | None:
    """The session of the request's access token."""
    claims = request.auth
    named = claims.get("sid") if isinstance(claims, Token) else None
    return Session.objects.filter(id=named).values_list("id", flat=True).first() if named else None


def if_match(request: Request) -> list[str] | None:
    """The ETags an edit is made for; None when the client does not say."""
    header = request.headers.get("If-Match")
    return None if header is None else parse_etags(header)


def client_address(request: Request | HttpRequest) -> str:
    """The client's IP address as NUM_PROXIES trusts it."""
    return str(BaseThrottle().get_ident(cast(Request, request)))  # reads META only
