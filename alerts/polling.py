"""Answers clients that poll: with an ETag, a hash of the response's data, or with 304 if the data has not changed."""

import hashlib

from django.http import HttpResponse
from django.utils.cache import get_conditional_response, patch_cache_control
from drf_spectacular.utils import OpenApiParameter
from rest_framework.renderers import JSONRenderer
from rest_framework.request import Request
from rest_framework.response import Response

IF_NONE_MATCH = OpenApiParameter("If-None-Match", str, OpenApiParameter.HEADER, description="The last ETag.")


def conditional(request: Request, response: Response) -> HttpResponse:
    """Return the response with its ETag, or a 304 if the request's If-None-Match has the same ETag.

    No cache may answer in our place, or keep the response for other people.
    """
    etag = f'"{hashlib.sha256(JSONRenderer().render(response.data)).hexdigest()[:32]}"'
    response["ETag"] = etag
    patch_cache_control(response, private=True, no_cache=True)
    return get_conditional_response(request, etag=etag, response=response) or response
