from uuid import UUID

from drf_spectacular.utils import extend_schema
from rest_framework import status
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from identity.api.openapi import PIN, PIN_HEADER, TOO_MANY, problems
from identity.api.requests import parse, person, session_id
from identity.devices import credentials, serializers
from identity.pins.protection import proved
from messaging.database import clock


class DevicesView(APIView):
    @extend_schema(
        operation_id="me_devices_list",
        summary="The devices that may raise an SOS, newest first",
        responses=serializers.DeviceListSerializer,
        tags=["devices"],
    )
    def get(self, request: Request) -> Response:
        found = credentials.listed(person(request).id, now=clock.now())
        return Response({"results": serializers.DeviceSerializer(found, many=True).data})

    @extend_schema(
        summary="Register this device for SOS",
        description="The response holds the SOS credential, which is never shown again. Keep it in the Keychain or the"
        " Android Keystore. Send it as `X-SOS-Credential` with every `POST sos-alerts/`, and with the positions and"
        " recordings of that alert. It also works when the access token has expired, and it works for nothing else."
        " Signing out of this session revokes it. This operation takes no Idempotency-Key, because a stored response"
        " would hold the credential. If the response is lost, register again and remove the other device.",
        request=serializers.NewDeviceSerializer,
        responses={
            201: serializers.RegisteredDeviceSerializer,
            **problems(s401="`session_ended`", s409="`too_many_devices`", s429=TOO_MANY),
        },
        tags=["devices"],
    )
    def post(self, request: Request) -> Response:
        wanted = parse(serializers.NewDeviceSerializer, request)
        registered = credentials.register(
            person=person(request), session_id=session_id(request), **wanted, now=clock.now()
        )
        return Response(serializers.RegisteredDeviceSerializer(registered).data, status=status.HTTP_201_CREATED)


class DeviceView(APIView):
    @extend_schema(
        summary="Revoke a device's SOS credential",
        parameters=[PIN_HEADER],
        responses={204: None, **problems(s403=PIN, s404="`not_found`")},
        tags=["devices"],
    )
    def delete(self, request: Request, device_id: UUID) -> Response:
        with proved(request, f"device {device_id}") as proof:
            credentials.revoke(person_id=person(request).id, device_id=device_id, proof=proof, now=clock.now())
        return Response(status=status.HTTP_204_NO_CONTENT)
