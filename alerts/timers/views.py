from datetime import timedelta
from typing import Any
from uuid import UUID

from django.db import transaction
from django.http import HttpResponse
from drf_spectacular.utils import OpenApiResponse, extend_schema
from rest_framework import generics, status
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from alerts.models import ActivityTimer, TimerStatus
from alerts.polling import IF_NONE_MATCH, conditional
from alerts.timers import heartbeats, lifecycle
from alerts.timers.serializers import (
    ArmSerializer,
    BeatSerializer,
    ExtendSerializer,
    TimerSerializer,
    WhichTimersSerializer,
    wanted,
)
from geo.reading import Refused
from geo.views import uploads
from identity.api import person_limits
from identity.api.idempotency import never_refused, replayable
from identity.api.openapi import ETAG, IDEMPOTENCY_KEY, PIN, PIN_HEADER, problems
from identity.api.requests import parse, person
from identity.pins.pins import Proof
from identity.pins.protection import proved
from identity.pins.serializers import ProvedSerializer
from messaging.database import clock

_NOT_FOUND = problems(s404="The person has no such timer.")
_OVER = "`timer_ended`. `timer_fired`: the timer has run out, and `alert_id` names the alert to end."
_MOVED = {200: TimerSerializer} | _NOT_FOUND | problems(s403=PIN, s409=_OVER)


def _shown(timers_: list[ActivityTimer]) -> Any:
    last_heard = heartbeats.last_of([timer.id for timer in timers_])
    return TimerSerializer(timers_, many=True, context={"last_heard": last_heard}).data


def _response(timer: ActivityTimer, *, status_code: int = status.HTTP_200_OK) -> Response:
    return Response(_shown([timer])[0], status=status_code)


class TimersView(generics.GenericAPIView[Any]):
    serializer_class = TimerSerializer

    @extend_schema(operation_id="timers_list", parameters=[WhichTimersSerializer], responses=TimerSerializer(many=True))
    def get(self, request: Request) -> Response:
        """The person's timers, newest first."""
        which = WhichTimersSerializer(data=request.query_params)
        which.is_valid(raise_exception=True)
        found = lifecycle.shown_to(person(request)).filter(**which.validated_data)
        return self.get_paginated_response(_shown(self.paginate_queryset(found) or []))

    @extend_schema(
        operation_id="timers_create",
        request=ArmSerializer,
        parameters=[IDEMPOTENCY_KEY],
        responses={201: TimerSerializer}
        | problems(
            s409="`no_contacts`, `too_many_timers`. `no_reachable_contact`: no chosen contact takes our SMS.",
            s422="`idempotency_key_reused`: the Idempotency-Key came with another body before.",
        ),
    )
    @replayable
    def post(self, request: Request) -> Response:
        """Arm a timer. If it is not completed, cancelled, extended or checked in before its end and the grace period
        are over, it raises an alert, also if the phone is off by then. Before the end the person gets a nudge by SMS.

        If the person has an open alert by then, the timer joins it, and contacts who have not been told of that alert
        are told.
        """
        body, now = parse(ArmSerializer, request), clock.now()
        timer = lifecycle.arm(person_id=person(request).id, wanted=wanted(body, now=now), now=now)
        return _response(timer, status_code=status.HTTP_201_CREATED)


class TimerView(APIView):
    @extend_schema(
        operation_id="timers_retrieve",
        parameters=[IF_NONE_MATCH, ETAG],
        responses={200: TimerSerializer, 304: OpenApiResponse(description="Nothing has changed.")} | _NOT_FOUND,
    )
    def get(self, request: Request, timer_id: UUID) -> HttpResponse:
        """One timer. When polling, send the ETag as If-None-Match."""
        return conditional(request, _response(lifecycle.of_person(timer_id=timer_id, person_id=person(request).id)))


class ExtendView(APIView):
    @extend_schema(
        operation_id="timers_extend",
        request=ExtendSerializer,
        parameters=[IDEMPOTENCY_KEY, PIN_HEADER],
        responses={200: TimerSerializer} | _NOT_FOUND | problems(s403=PIN, s409=f"{_OVER} `too_many_extensions`."),
    )
    def post(self, request: Request, timer_id: UUID) -> Response:
        """Move the end later. Send an Idempotency-Key: without one a repeated request extends twice.

        Once PINs are set, an end later than two periods after the timer was armed, or last put off with a PIN, needs a
        PIN.
        """
        with proved(request, f"timer {timer_id}") as proof:
            return self._extend(request, timer_id, proof)

    @replayable
    def _extend(self, request: Request, timer_id: UUID, proof: Proof) -> Response:
        by, owner = timedelta(seconds=parse(ExtendSerializer, request)["duration_s"]), person(request)
        extended = lifecycle.extend(timer_id=timer_id, person_id=owner.id, by=by, proof=proof, now=clock.now())
        return _response(extended)


class CheckInView(APIView):
    @extend_schema(
        operation_id="timers_check_in",
        request=ProvedSerializer,
        parameters=[IDEMPOTENCY_KEY, PIN_HEADER],
        responses=_MOVED,
    )
    def post(self, request: Request, timer_id: UUID) -> Response:
        """Say "I am well and go on". The whole period starts anew from now. A check-in never makes the end earlier.

        Once PINs are set, an end later than two periods after the timer was armed, or last put off with a PIN, needs a
        PIN.
        """
        with proved(request, f"timer {timer_id}") as proof:
            return self._check_in(request, timer_id, proof)

    @replayable
    def _check_in(self, request: Request, timer_id: UUID, proof: Proof) -> Response:
        checked_in = lifecycle.check_in(timer_id=timer_id, person_id=person(request).id, proof=proof, now=clock.now())
        return _response(checked_in)


def _beat(request: Request, timer_id: UUID) -> ActivityTimer:
    now, owner = clock.now(), person(request)
    try:
        heartbeat = heartbeats.read(uploads.body_of(request), now=now)
    except Refused as error:
        raise uploads.invalid(error) from error
    heartbeats.record(timer_id=timer_id, person_id=owner.id, heartbeat=heartbeat, now=now)
    return lifecycle.of_person(timer_id=timer_id, person_id=owner.id)


def _beat_again(request: Request, stored: Any, timer_id: UUID) -> Response:
    timer = lifecycle.of_person(timer_id=timer_id, person_id=person(request).id)
    return _response(_beat(request, timer_id) if timer.status == TimerStatus.ARMED else timer)


class HeartbeatView(APIView):
    limit = person_limits.HEARTBEATS

    @extend_schema(
        operation_id="timers_heartbeat",
        request=BeatSerializer,
        parameters=[IDEMPOTENCY_KEY],
        responses={
            201: TimerSerializer,
            200: OpenApiResponse(TimerSerializer, description="A retry with a changed body: the timer as it stands."),
        }
        | _NOT_FOUND
        | problems(s409=_OVER, s429="More than 60 in five minutes."),
    )
    @never_refused(again=_beat_again)
    def post(self, request: Request, timer_id: UUID) -> Response:
        """Report the phone's battery, network and position, for the contacts if the timer fires. A heartbeat is not a
        check-in.

        A retry may hold a newer position and time. A retry of a heartbeat that was taken never gets an error because
        the timer has ended since: the response is the timer as it stands.
        """
        return _response(_beat(request, timer_id), status_code=status.HTTP_201_CREATED)


class _EndView(APIView):
    to: TimerStatus

    def _end(self, request: Request, timer_id: UUID) -> Response:
        owner = person(request)
        with proved(request, f"timer {timer_id}") as proof, transaction.atomic():
            now = clock.set_request_timeout()
            ended = lifecycle.end(timer_id=timer_id, person_id=owner.id, to=self.to, proof=proof, now=now)
            return _response(ended)


class CompleteView(_EndView):
    to = TimerStatus.COMPLETED

    @extend_schema(operation_id="timers_complete", request=ProvedSerializer, parameters=[PIN_HEADER], responses=_MOVED)
    def post(self, request: Request, timer_id: UUID) -> Response:
        """End the timer because the person is safe. Nobody is told. A repeat is harmless."""
        return self._end(request, timer_id)


class CancelView(_EndView):
    to = TimerStatus.CANCELLED

    @extend_schema(operation_id="timers_cancel", request=ProvedSerializer, parameters=[PIN_HEADER], responses=_MOVED)
    def post(self, request: Request, timer_id: UUID) -> Response:
        """End the timer because the activity does not take place. Nobody is told. A repeat is harmless."""
        return self._end(request, timer_id)
