"""Answers made for polling: an ETag of all that a client sees, 304 when it is what the client has."""

import hashlib

from django.http import HttpResponse
from django.utils.cache import get_conditional_response, patch_cache_control
from drf_spectacular.utils import OpenApiParameter
from rest_framework.renderers import JSONRenderer
from rest_framework.request import Request
from rest_framework.response import Response

IF_NONE_MATCH = OpenApiParameter("If-None-Match", str, OpenApiParameter.HEADER, description="The last ETag.")


def conditional(request: Request, response: Response) -> HttpResponse:
    """The response with its ETag, or 304 if that is the one in If-None-Match."""
    etag = f'"{hashlib.sha256(JSONRenderer().render(response.data)).hexdigest()[:32]}"'
    response["ETag"] = etag
    patch_cache_control(response, private=True, no_cache=True)
    return get_conditional_response(request, etag=etag, response=response) or response
