from drf_spectacular.utils import extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from identity.api.addresses import client_ip
from identity.api.open import OpenView
from identity.api.openapi import TOO_MANY, problems
from identity.api.requests import parse
from identity.sessions import origins
from identity.sessions.serializers import SignedInSerializer
from identity.verification import registration, serializers
from messaging.database import clock


class RegisterView(OpenView):
    @extend_schema(
        summary="Register; a code is sent by SMS",
        request=serializers.RegisterSerializer,
        responses={200: serializers.CodeSentSerializer, **problems(s429=TOO_MANY)},
        tags=["auth"],
    )
    def post(self, request: Request) -> Response:
        wanted = parse(serializers.RegisterSerializer, request)
        pending = registration.register(**wanted, client_ip=client_ip(request), now=clock.now())
        return Response(serializers.CodeSentSerializer(pending).data)


class SendSmsView(OpenView):
    @extend_schema(
        summary="Send a new code",
        request=serializers.ResendSerializer,
        responses={
            200: serializers.CodeSentSerializer,
            **problems(s404="`verification_unknown`: register again", s429=TOO_MANY),
        },
        tags=["auth"],
    )
    def post(self, request: Request) -> Response:
        wanted = parse(serializers.ResendSerializer, request)
        pending = registration.resend(**wanted, client_ip=client_ip(request), now=clock.now())
        return Response(serializers.CodeSentSerializer(pending).data)


class VerifySmsView(OpenView):
    @extend_schema(
        summary="Prove the phone number with the code; this opens the account",
        request=serializers.VerifySerializer,
        responses={
            200: SignedInSerializer,
            **problems(s400="`code_invalid`, or `invalid` input", s409="`already_registered`: sign in"),
        },
        tags=["auth"],
    )
    def post(self, request: Request) -> Response:
        proof = parse(serializers.VerifySerializer, request)
        signed_in = registration.verify(
            phone_number=proof["phone_number"],
            code=proof["code"],
            verification_id=proof["verification_id"],
            origin=origins.origin_of(proof, agent=request.headers.get("User-Agent", ""), client_ip=client_ip(request)),
            now=clock.now(),
        )
        return Response(SignedInSerializer(signed_in).data)
