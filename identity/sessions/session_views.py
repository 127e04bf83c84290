from typing import Any
from uuid import UUID

from drf_spectacular.utils import extend_schema
from rest_framework import status
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from identity.api.openapi import TOO_MANY, problems
from identity.api.passwords import PasswordSerializer
from identity.api.requests import parse, person, session_id
from identity.sessions import freshness, open_sessions, session_serializers
from messaging.database import clock

_NOT_FRESH = "`reauthentication_required`: first `me/reauthenticate/`"


class SessionsView(APIView):
    @extend_schema(
        operation_id="me_sessions_list",
        summary="The devices that are signed in, newest first",
        responses=session_serializers.SessionListSerializer,
        tags=["me"],
    )
    def get(self, request: Request) -> Response:
        found = open_sessions.listed(person(request).id, now=clock.now())
        context: dict[str, Any] = {"this": session_id(request)}
        return Response({"results": session_serializers.SessionSerializer(found, many=True, context=context).data})

    @extend_schema(
        operation_id="me_sessions_end_others",
        summary="Sign out all other devices",
        description="The SOS credentials that they registered end too. This session stays signed in.",
        responses={204: None, **problems(s403=_NOT_FRESH)},
        tags=["me"],
    )
    def delete(self, request: Request) -> Response:
        open_sessions.end_others(person=person(request), now=clock.now())
        return Response(status=status.HTTP_204_NO_CONTENT)


class SessionView(APIView):
    @extend_schema(
        summary="Sign out one device",
        description="The SOS credentials that it registered end too.",
        responses={204: None, **problems(s403=_NOT_FRESH, s404="`not_found`")},
        tags=["me"],
    )
    def delete(self, request: Request, session_id: UUID) -> Response:
        open_sessions.end(person=person(request), session_id=session_id, now=clock.now())
        return Response(status=status.HTTP_204_NO_CONTENT)


class ReauthenticateView(APIView):
    @extend_schema(
        summary="Prove the person again by the password; needed for changes of security",
        request=PasswordSerializer,
        responses={
            200: session_serializers.FreshSerializer,
            **problems(s403="`password_wrong`", s429=TOO_MANY),
        },
        tags=["me"],
    )
    def post(self, request: Request) -> Response:
        password = parse(PasswordSerializer, request)["password"]
        until = freshness.renew(person(request), password, now=clock.now())
        return Response(session_serializers.FreshSerializer({"fresh_until": until}).data)
