from drf_spectacular.utils import extend_schema
from rest_framework import status
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from alerts.escalation import personal
from alerts.escalation.serializers import PolicyChangeSerializer, ShownPolicySerializer
from identity.api.openapi import ETAG, IF_MATCH, PIN, PIN_HEADER, problems
from identity.api.requests import if_match, parse, person
from identity.pins.protection import proved
from messaging.database import clock

_STALE = problems(s403=PIN, s412="`precondition_failed`")


class PolicyView(APIView):
    @extend_schema(
        operation_id="me_escalation_policy_retrieve",
        summary="The waves of calls and SMS when nobody answers an alert",
        parameters=[ETAG],
        responses=ShownPolicySerializer,
        tags=["me"],
    )
    def get(self, request: Request) -> Response:
        """The person's own waves, or the default ones.

        Every contact gets the SOS by SMS at once, whatever the policy. The waves follow while nobody answers.
        """
        return _response(personal.shown(person(request).id))

    @extend_schema(
        operation_id="me_escalation_policy_update",
        summary="Choose your own waves of calls and SMS",
        request=PolicyChangeSerializer,
        parameters=[IF_MATCH, ETAG, PIN_HEADER],
        responses={200: ShownPolicySerializer, **_STALE},
        tags=["me"],
    )
    def put(self, request: Request) -> Response:
        """The policy holds from the next alert on. The last wave also calls contacts whom no wave names.

        A contact whose SMS cannot be delivered is called at once, even when no wave calls them. Error codes of `waves`:
        `not_your_contact`, `duplicate`, `too_often` (more than 4 times by one channel).

        Once PINs are set, a policy that calls or texts a contact later or less often than the present one, or gives up
        later, needs a PIN.
        """
        wanted = parse(PolicyChangeSerializer, request)
        with proved(request, "escalation policy") as proof:
            put = personal.put(
                person_id=person(request).id,
                wanted=personal.PolicyBody(waves=wanted["waves"], give_up_after_s=wanted["give_up_after_s"]),
                if_match=if_match(request),
                proof=proof,
                now=clock.now(),
            )
            return _response(put)

    @extend_schema(
        operation_id="me_escalation_policy_destroy",
        summary="Back to the default",
        parameters=[IF_MATCH, PIN_HEADER],
        responses={204: None, **_STALE},
        tags=["me"],
    )
    def delete(self, request: Request) -> Response:
        with proved(request, "escalation policy") as proof:
            personal.remove(person_id=person(request).id, if_match=if_match(request), proof=proof)
        return Response(status=status.HTTP_204_NO_CONTENT)


def _response(body: personal.PolicyBody) -> Response:
    return Response(body, headers={"ETag": personal.etag(body)})
