from drf_spectacular.utils import extend_schema
from rest_framework import status
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from identity.api.openapi import TOO_MANY, problems
from identity.api.passwords import PasswordSerializer
from identity.api.requests import parse, person
from identity.pins import pins
from identity.sessions import passwords
from identity.sessions import pin_serializers as serializers
from messaging.database import clock

_PASSWORD = problems(s403="`password_wrong`", s429=TOO_MANY)


class PinView(APIView):
    @extend_schema(
        summary="Whether PINs are set; if so, ending an alert needs one",
        responses=serializers.PinStateSerializer,
        tags=["me"],
    )
    def get(self, request: Request) -> Response:
        return Response({"is_set": pins.are_set(person(request).id)})

    @extend_schema(
        summary="Set or replace the safe and the duress PIN",
        request=serializers.PinsSerializer,
        responses={200: serializers.PinStateSerializer, **_PASSWORD},
        tags=["me"],
    )
    def put(self, request: Request) -> Response:
        wanted, now = parse(serializers.PinsSerializer, request), clock.now()
        passwords.confirm(person(request), wanted.pop("password"), now=now)
        pins.put(person=person(request), **wanted, now=now)
        return Response({"is_set": True})

    @extend_schema(
        summary="Remove the PINs; alerts then end without a PIN",
        description='The body is `{"password": "…"}`. OpenAPI cannot describe the body of a DELETE.',
        responses={204: None, **_PASSWORD},
        tags=["me"],
    )
    def delete(self, request: Request) -> Response:
        password = parse(PasswordSerializer, request)["password"]
        passwords.confirm(person(request), password, now=clock.now())
        pins.remove(person(request))
        return Response(status=status.HTTP_204_NO_CONTENT)
