"""The dictionaries of Django REST framework and drf-spectacular, which config/settings.py uses."""

from typing import Any

REST_FRAMEWORK: dict[str, Any] = {
    "DEFAULT_AUTHENTICATION_CLASSES": ["identity.sessions.bearer.AccessToken"],
    "DEFAULT_PERMISSION_CLASSES": ["rest_framework.permissions.IsAuthenticated"],
    "DEFAULT_RENDERER_CLASSES": ["rest_framework.renderers.JSONRenderer"],
    "DEFAULT_CONTENT_NEGOTIATION_CLASS": "config.negotiation.AlwaysJSON",
    "DEFAULT_PARSER_CLASSES": ["config.parsers.BoundedJSONParser"],
    "DEFAULT_SCHEMA_CLASS": "drf_spectacular.openapi.AutoSchema",
    "DEFAULT_PAGINATION_CLASS": "config.pagination.NewestFirst",
    "DEFAULT_THROTTLE_CLASSES": ["identity.api.person_limits.PersonLimit"],
    "EXCEPTION_HANDLER": "config.errors.problem_response",
    "PAGE_SIZE": 50,
}
OPENAPI: dict[str, Any] = {
    "TITLE": "AlertMe",
    "VERSION": "1",
    "DESCRIPTION": "Personal safety: SOS that reaches the people someone trusts by SMS in seconds.",
    "SERVE_INCLUDE_SCHEMA": False,
    "SCHEMA_PATH_PREFIX": "/api/v1/",
    "COMPONENT_SPLIT_REQUEST": True,
    "ENUM_NAME_OVERRIDES": {
        "AlertStatusEnum": "alerts.models.AlertStatus",
        "AlertKindEnum": "alerts.models.AlertKind",
        "ChannelEnum": "messaging.models.Channel",
        "DeliveryStatusEnum": "alerts.owner.truth.Status",
        "EventKindEnum": "alerts.models.EventKind",
        "EvidenceKindEnum": "alerts.models.EvidenceKind",
        "PhoneChannelEnum": [("sms", "Sms"), ("voice", "Voice")],
        "TimerStatusEnum": "alerts.models.TimerStatus",
    },
    "POSTPROCESSING_HOOKS": [
        "drf_spectacular.hooks.postprocess_schema_enums",
        "config.schema.describe_problems",
    ],
}
