from drf_spectacular.utils import extend_schema
from rest_framework import status
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from identity import serializers, sessions, signin, verification
from identity.openapi import problems
from identity.requests import client_address, parse
from messaging import clock

_TOO_MANY = "`too_many_requests`; Retry-After says when to try again"


class OpenView(APIView):
    # A client may still send its expired token: it is not looked at.
    authentication_classes = ()
    permission_classes = ()


class RegisterView(OpenView):
    @extend_schema(
        summary="Register: a code is sent by SMS",
        request=serializers.RegisterSerializer,
        responses={200: serializers.CodeSentSerializer, **problems(s429=_TOO_MANY)},
        tags=["auth"],
    )
    def post(self, request: Request) -> Response:
        applicant = parse(serializers.RegisterSerializer, request)
        pending = verification.register(**applicant, address=client_address(request), now=clock.now())
        return Response(serializers.CodeSentSerializer(pending).data)


class SendSmsView(OpenView):
    @extend_schema(
        summary="Send a new code",
        request=serializers.ResendSerializer,
        responses={
            200: serializers.CodeSentSerializer,
            **problems(s404="`verification_unknown`: register again", s429=_TOO_MANY),
        },
        tags=["auth"],
    )
    def post(self, request: Request) -> Response:
        which = parse(serializers.ResendSerializer, request)
        pending = verification.resend(**which, address=client_address(request), now=clock.now())
        return Response(serializers.CodeSentSerializer(pending).data)


class VerifySmsView(OpenView):
    @extend_schema(
        summary="Prove the number with the code; the account begins",
        request=serializers.VerifySerializer,
        responses={
            200: serializers.SignedInSerializer,
            **problems(s400="`code_invalid`, or `invalid` input", s409="`already_registered`: sign in"),
        },
        tags=["auth"],
    )
    def post(self, request: Request) -> Response:
        proof = parse(serializers.VerifySerializer, request)
        signed_in = verification.verify(**proof, now=clock.now())
        return Response(serializers.SignedInSerializer(signed_in).data)


class LoginView(OpenView):
    @extend_schema(
        summary="Sign in",
        request=serializers.SignInSerializer,
        responses={
            200: serializers.SignedInSerializer,
            **problems(s401="`credentials_invalid`", s429=_TOO_MANY),
        },
        tags=["auth"],
    )
    def post(self, request: Request) -> Response:
        credentials = parse(serializers.SignInSerializer, request)
        signed_in = signin.sign_in(**credentials, address=client_address(request), now=clock.now())
        return Response(serializers.SignedInSerializer(signed_in).data)


class RefreshView(OpenView):
    @extend_schema(
        summary="Next tokens; the old refresh token ends",
        request=serializers.RefreshSerializer,
        responses={200: serializers.TokensSerializer, **problems(s401="`token_invalid`: sign in")},
        tags=["auth"],
    )
    def post(self, request: Request) -> Response:
        token = parse(serializers.RefreshSerializer, request)["refresh"]
        return Response(serializers.TokensSerializer(sessions.refresh(token, now=clock.now())).data)


class LogoutView(OpenView):
    @extend_schema(
        summary="Sign this device out; repeats change nothing",
        request=serializers.RefreshSerializer,
        responses={204: None},
        tags=["auth"],
    )
    def post(self, request: Request) -> Response:
        token = parse(serializers.RefreshSerializer, request)["refresh"]
        sessions.close(token, now=clock.now())
        return Response(status=status.HTTP_204_NO_CONTENT)
