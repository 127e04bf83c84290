"""Garbage at every operation of the schema gets clear errors, never a 500 (schemathesis over the WSGI application)."""

import os
from typing import Any

import hypothesis
import pytest
import schemathesis
from schemathesis import GenerationMode
from schemathesis.checks import not_a_server_error
from schemathesis.core.result import Ok
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from config.wsgi import application
from identity.models import RateCount, User
from tests.signed_in import bearer

EXAMPLES = int(os.environ.get("FUZZING_EXAMPLES", "8"))
CHECKS = [not_a_server_error, status_code_conformance, content_type_conformance, response_schema_conformance]


@schemathesis.serializer("application/offset+octet-stream")
def as_it_is(context: schemathesis.SerializationContext, value: Any) -> bytes:
    return value if isinstance(value, bytes) else str(value).encode()


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("mode", list(GenerationMode))
def test_no_operation_fails(mode: GenerationMode) -> None:
    schema = schemathesis.openapi.from_wsgi("/api/schema/", application)
    operations = [found.ok() for found in schema.get_all_operations() if isinstance(found, Ok)]
    assert len(operations) >= 19
    user = User.objects.create(phone_number="+996700111222", first_name="Aida")
    for operation in operations:
        if mode is GenerationMode.NEGATIVE and not _can_be_asked_wrongly(operation.definition.raw):
            continue
        _fuzz(operation, mode=mode, authorization=_bearer(user))


def _can_be_asked_wrongly(described: dict[str, Any]) -> bool:
    return bool(described.get("parameters") or described.get("requestBody") or described.get("security"))


def _bearer(user: User) -> dict[str, str]:
    return {"Authorization": bearer(user)}


def _fuzz(operation: Any, *, mode: GenerationMode, authorization: dict[str, str]) -> None:
    @hypothesis.settings(
        max_examples=EXAMPLES,
        deadline=None,
        derandomize=True,
        database=None,
        suppress_health_check=list(hypothesis.HealthCheck),
    )
    @hypothesis.given(case=operation.as_strategy(generation_mode=mode))
    def attack(case: schemathesis.Case[Any]) -> None:
        # A limit would answer everything with 429 and hide what lies behind it.
        RateCount.objects.all().delete()
        case.call_and_validate(headers=authorization, checks=CHECKS)

    attack()
