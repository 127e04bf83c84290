from drf_spectacular.utils import extend_schema
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from identity import people, serializers
from identity.api.openapi import ETAG, IF_MATCH, PIN, PIN_HEADER, STALE, problems
from identity.api.requests import if_match, parse, person
from identity.api.versions import etag_of
from identity.models import User
from identity.pins.protection import proved, require
from identity.sessions import freshness
from messaging.database import clock


class MeView(APIView):
    @extend_schema(
        summary="The signed-in person",
        parameters=[ETAG],
        responses=serializers.UserSerializer,
        tags=["me"],
    )
    def get(self, request: Request) -> Response:
        return _profile(person(request))

    @extend_schema(
        summary="Change names, language or e-mail",
        description="Another e-mail address needs a fresh proof of the person (`me/reauthenticate/`) and, once PINs are"
        " set, a PIN.",
        parameters=[IF_MATCH, ETAG, PIN_HEADER],
        request=serializers.ProfileSerializer,
        responses={
            200: serializers.UserSerializer,
            **problems(s403=f"`reauthentication_required`. {PIN}", s412=STALE),
        },
        tags=["me"],
    )
    def patch(self, request: Request) -> Response:
        changes = parse(serializers.ProfileSerializer, request, partial=True)
        owner = person(request)
        with proved(request, "e-mail") as proof:
            if changes.get("email", owner.email) != owner.email:
                freshness.require(owner, now=clock.now())
                require(proof)
            user = people.change_profile(person_id=owner.id, changes=changes, if_match=if_match(request))
            return _profile(user)


def _profile(user: User) -> Response:
    return Response(serializers.UserSerializer(user).data, headers={"ETag": etag_of(user)})
