from typing import Any
from uuid import UUID

from drf_spectacular.utils import extend_schema
from rest_framework import status
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from identity.api.idempotency import replayable
from identity.api.openapi import ETAG, IDEMPOTENCY_KEY, IF_MATCH, PIN, PIN_HEADER, STALE, TOO_MANY, problems
from identity.api.requests import if_match, parse, person
from identity.api.versions import etag_of
from identity.contacts import consent, contacts, serializers
from identity.models import EmergencyContact
from identity.pins.protection import proved
from messaging.database import clock


class ContactsView(APIView):
    @extend_schema(
        operation_id="me_contacts_list",
        summary="All emergency contacts, in the order in which they get an SOS",
        responses=serializers.ContactListSerializer,
        tags=["contacts"],
    )
    def get(self, request: Request) -> Response:
        return _listed(list(person(request).contacts.all()))

    @extend_schema(
        summary="Add an emergency contact",
        parameters=[IDEMPOTENCY_KEY],
        request=serializers.NewContactSerializer,
        responses={
            201: serializers.ContactSerializer,
            **problems(s409="`too_many_contacts`", s422="`idempotency_key_reused`"),
        },
        tags=["contacts"],
    )
    @replayable
    def post(self, request: Request) -> Response:
        wanted = parse(serializers.NewContactSerializer, request)
        contact = contacts.add(person_id=person(request).id, **wanted, now=clock.now())
        return Response(_shown([contact])[0], status=status.HTTP_201_CREATED)


class ContactView(APIView):
    @extend_schema(
        summary="One emergency contact",
        parameters=[ETAG],
        responses={200: serializers.ContactSerializer, **problems(s404="`not_found`")},
        tags=["contacts"],
    )
    def get(self, request: Request, contact_id: UUID) -> Response:
        return _contact(contacts.contact_of_person(person_id=person(request).id, contact_id=contact_id))

    @extend_schema(
        summary="Change an emergency contact",
        parameters=[IF_MATCH, ETAG, PIN_HEADER],
        request=serializers.ContactChangesSerializer,
        responses={200: serializers.ContactSerializer, **problems(s403=PIN, s404="`not_found`", s412=STALE)},
        tags=["contacts"],
    )
    def patch(self, request: Request, contact_id: UUID) -> Response:
        changes = parse(serializers.ContactChangesSerializer, request, partial=True)
        with proved(request, f"contact {contact_id}") as proof:
            contact = contacts.change(
                person_id=person(request).id,
                contact_id=contact_id,
                changes=changes,
                if_match=if_match(request),
                proof=proof,
                now=clock.now(),
            )
            return _contact(contact)

    @extend_schema(
        summary="Remove an emergency contact; the contacts after it move up",
        description="The contact and the person are told by SMS.",
        parameters=[IF_MATCH, PIN_HEADER],
        responses={204: None, **problems(s403=PIN, s404="`not_found`", s412=STALE)},
        tags=["contacts"],
    )
    def delete(self, request: Request, contact_id: UUID) -> Response:
        with proved(request, f"contact {contact_id}") as proof:
            contacts.remove(
                person_id=person(request).id,
                contact_id=contact_id,
                if_match=if_match(request),
                proof=proof,
                now=clock.now(),
            )
        return Response(status=status.HTTP_204_NO_CONTENT)


class ContactReminderView(APIView):
    @extend_schema(
        summary="Ask a contact again who has not answered whether they want to be one",
        description=f"At most {consent.REMINDERS} times for one number, and not within 24 hours of the last text.",
        parameters=[IDEMPOTENCY_KEY],
        request=None,
        responses={
            200: serializers.ContactSerializer,
            **problems(
                s404="`not_found`", s409="`already_answered`, `reminded_enough`", s422="`idempotency_key_reused`"
            ),
            **problems(s429=TOO_MANY),
        },
        tags=["contacts"],
    )
    @replayable
    def post(self, request: Request, contact_id: UUID) -> Response:
        found = contacts.remind(person_id=person(request).id, contact_id=contact_id, now=clock.now())
        return Response(_shown([found])[0])


class ContactOrderView(APIView):
    @extend_schema(
        summary="Put the emergency contacts in order; send the ids of all contacts",
        request=serializers.ContactOrderSerializer,
        parameters=[PIN_HEADER],
        responses={200: serializers.ContactListSerializer, **problems(s403=PIN)},
        tags=["contacts"],
    )
    def put(self, request: Request) -> Response:
        ids = parse(serializers.ContactOrderSerializer, request)["ids"]
        with proved(request, "contact order") as proof:
            return _listed(contacts.reorder(person_id=person(request).id, contact_ids=ids, proof=proof))


def _contact(contact: EmergencyContact) -> Response:
    return Response(_shown([contact])[0], headers={"ETag": etag_of(contact)})


def _listed(ordered: list[EmergencyContact]) -> Response:
    return Response({"results": _shown(ordered)})


def _shown(found: list[EmergencyContact]) -> list[dict[str, Any]]:
    contacts.mark(found)
    return [serializers.ContactSerializer(contact).data for contact in found]
