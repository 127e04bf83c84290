from typing import Any

import pytest
from drf_spectacular.generators import SchemaGenerator
from drf_spectacular.validation import validate_schema

from identity.urls import urlpatterns


def _routes(patterns: list[Any]) -> list[str]:
    """The routes of these patterns and of the rooms they include."""
    routes: list[str] = []
    for pattern in patterns:
        routes += _routes(pattern.url_patterns) if hasattr(pattern, "url_patterns") else [str(pattern.pattern)]
    return routes


# The library has no types.
_generator: Any = SchemaGenerator
_validate: Any = validate_schema


@pytest.fixture(scope="module")
def schema() -> Any:
    return _generator().get_schema(request=None, public=True)


def test_the_schema_is_valid(schema: Any) -> None:
    _validate(schema)


@pytest.mark.parametrize("route", _routes(urlpatterns))
def test_every_endpoint_says_what_it_reads_and_answers(schema: Any, route: str) -> None:
    path = "/api/v1/" + route.replace("<uuid:", "{").replace(">", "}")
    for method, operation in schema["paths"][path].items():
        reads = method in {"post", "put", "patch"} and not path.endswith("/remind/")
        assert ("requestBody" in operation) == reads
        answers = {status: body for status, body in operation["responses"].items() if status[0] == "2"}
        assert answers
        assert all(status == "204" or "content" in str(body) for status, body in answers.items())
        assert ("security" in operation) == ("/auth/" not in path)
