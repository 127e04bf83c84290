from drf_spectacular.utils import extend_schema
from rest_framework import status
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from alerts.escalation import personal
from alerts.escalation.serializers import PolicySerializer, ShownPolicySerializer
from identity.api.openapi import ETAG, IF_MATCH, problems
from identity.api.requests import if_match, parse, person
from messaging.database import clock

_STALE = problems(s412="`precondition_failed`")


class PolicyView(APIView):
    @extend_schema(
        operation_id="me_escalation_policy_retrieve",
        summary="What happens when nobody answers an alert",
        parameters=[ETAG],
        responses=ShownPolicySerializer,
        tags=["me"],
    )
    def get(self, request: Request) -> Response:
        """Every contact gets the SOS by SMS at once, whatever the policy; the waves follow while nobody answers."""
        return _answer(personal.shown(person(request).id))

    @extend_schema(
        operation_id="me_escalation_policy_update",
        summary="Choose waves of calls and SMS of one's own",
        request=PolicySerializer,
        parameters=[IF_MATCH, ETAG],
        responses={200: ShownPolicySerializer, **_STALE},
        tags=["me"],
    )
    def put(self, request: Request) -> Response:
        """Holds for the next alert. Whoever no wave names, as a contact added later, is called with the last wave.

        A contact whose SMS cannot be delivered is called at once, also when no wave calls them. The codes of `waves`:
        `not_your_contact`, `duplicate`, `too_often` (at most 4 times by each channel).
        """
        wanted = parse(PolicySerializer, request)
        put = personal.put(
            person_id=person(request).id,
            wanted=personal.PolicyBody(waves=wanted["waves"], give_up_after_s=wanted["give_up_after_s"]),
            if_match=if_match(request),
            now=clock.now(),
        )
        return _answer(put)

    @extend_schema(
        operation_id="me_escalation_policy_destroy",
        summary="Back to the default",
        parameters=[IF_MATCH],
        responses={204: None, **_STALE},
        tags=["me"],
    )
    def delete(self, request: Request) -> Response:
        personal.remove(person_id=person(request).id, if_match=if_match(request))
        return Response(status=status.HTTP_204_NO_CONTENT)


def _answer(body: personal.PolicyBody) -> Response:
    return Response(body, headers={"ETag": personal.etag(body)})
