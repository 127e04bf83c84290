"""Adds the form of errors to the OpenAPI document: drf-spectacular cannot see that all errors have the same fields."""

from typing import Any

_PROBLEM = {
    "type": "object",
    "description": "RFC 9457. `code` is stable; `errors` holds the messages by field.",
    "properties": {
        "type": {"type": "string"},
        "title": {"type": "string"},
        "status": {"type": "integer"},
        "code": {"type": "string"},
        "detail": {"type": "string"},
        "errors": {"type": "object", "additionalProperties": True},
    },
    "required": ["type", "title", "status", "code", "detail"],
}


def describe_problems(result: dict[str, Any], **_: object) -> dict[str, Any]:
    """Add the default error response to every operation of this OpenAPI document, and return the document."""
    result.setdefault("components", {}).setdefault("schemas", {})["Problem"] = _PROBLEM
    content = {"application/problem+json": {"schema": {"$ref": "#/components/schemas/Problem"}}}
    for path in result.get("paths", {}).values():
        for operation in path.values():
            operation["responses"].setdefault("default", {"description": "An error", "content": content})
    return result
