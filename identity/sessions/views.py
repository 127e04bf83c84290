from drf_spectacular.utils import extend_schema
from rest_framework import status
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from identity.api.addresses import client_ip, coarse
from identity.api.open import OpenView
from identity.api.openapi import TOO_MANY, problems
from identity.api.requests import parse, person, session_id
from identity.sessions import origins, passwords, serializers, signin, tokens
from messaging.database import clock


class LoginView(OpenView):
    @extend_schema(
        summary="Sign in",
        request=serializers.SignInSerializer,
        responses={
            200: serializers.SignedInSerializer,
            **problems(s401="`credentials_invalid`", s429=TOO_MANY),
        },
        tags=["auth"],
    )
    def post(self, request: Request) -> Response:
        credentials = parse(serializers.SignInSerializer, request)
        signed_in = signin.sign_in(
            phone_number=credentials["phone_number"],
            password=credentials["password"],
            client_ip=client_ip(request),
            device_token=credentials.get("device_token") or "",
            origin=origins.origin_of(
                credentials, agent=request.headers.get("User-Agent", ""), client_ip=client_ip(request)
            ),
            now=clock.now(),
        )
        return Response(serializers.SignedInSerializer(signed_in).data)


class RefreshView(OpenView):
    @extend_schema(
        summary="Get new tokens; the old refresh token ends",
        request=serializers.RefreshSerializer,
        responses={200: serializers.TokensSerializer, **problems(s401="`token_invalid`: sign in")},
        tags=["auth"],
    )
    def post(self, request: Request) -> Response:
        token = parse(serializers.RefreshSerializer, request)["refresh"]
        renewed = tokens.refresh(token, network=coarse(client_ip(request)), now=clock.now())
        return Response(serializers.TokensSerializer(renewed).data)


class LogoutView(OpenView):
    @extend_schema(
        summary="Sign this device out; a repeat changes nothing",
        request=serializers.RefreshSerializer,
        responses={204: None},
        tags=["auth"],
    )
    def post(self, request: Request) -> Response:
        token = parse(serializers.RefreshSerializer, request)["refresh"]
        tokens.close(token, now=clock.now())
        return Response(status=status.HTTP_204_NO_CONTENT)


class PasswordView(APIView):
    @extend_schema(
        summary="Change the password; every other session is signed out",
        description="This session stays signed in. SOS credentials stay valid, so that no device loses its SOS button;"
        " revoke one at `me/devices/`.",
        request=serializers.NewPasswordSerializer,
        responses={
            204: None,
            **problems(s403="`password_wrong`", s429=TOO_MANY),
        },
        tags=["me"],
    )
    def put(self, request: Request) -> Response:
        wanted = parse(serializers.NewPasswordSerializer, request)
        passwords.change(person=person(request), **wanted, session_id=session_id(request), now=clock.now())
        return Response(status=status.HTTP_204_NO_CONTENT)
