"""Serves a request under the path it means. No POST is ever redirected: clients repeat a redirected POST as a GET, and
an SOS would become a list.
"""

from collections.abc import Callable
from urllib.parse import urlsplit

from django.conf import settings
from django.core.exceptions import DisallowedHost
from django.http import HttpRequest, HttpResponse, HttpResponsePermanentRedirect
from django.urls import Resolver404, resolve

from config.errors import CONTENT_TYPE, not_found, problem

PRESSES = "/api/v1/sos-alerts/"
_API = "/api/"
_SAFE = ("GET", "HEAD", "OPTIONS", "TRACE")


class MeantPathMiddleware:
    """Stands before everything that reads the path, the host or the scheme.

    A path with a slash too few or too many is served as if it were right: each path below /api/, other paths only if
    the method is not safe. A wrong path below /api/ gets a problem, with DEBUG too.
    """

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        if request.path_info.startswith(_API) or request.method not in _SAFE:
            _correct(request)
        refusal = _over_http(request) if settings.SECURE_SSL_REDIRECT and not request.is_secure() else None
        if refusal is not None:
            return refusal
        if is_press(request):
            _name_the_host(request)
        response = self.get_response(request)
        if response.status_code == 404 and request.path_info.startswith(_API):
            # Django's own page of DEBUG, or of a URL that no view has.
            return response if response.get("Content-Type") == CONTENT_TYPE else not_found(request, Exception())
        return response


def is_press(request: HttpRequest) -> bool:
    return request.method == "POST" and request.path_info == PRESSES


def _correct(request: HttpRequest) -> None:
    if _is_served(request.path_info):
        return
    segments = [segment.strip() for segment in request.path_info.replace("%2F", "/").replace("%2f", "/").split("/")]
    bare = "/" + "/".join(segment for segment in segments if segment)
    for path in (f"{bare}/", bare):
        if _is_served(path):
            request.path = request.path.removesuffix(request.path_info) + path
            request.path_info = path
            return


def _is_served(path: str) -> bool:
    try:
        match = resolve(path)
    except Resolver404:
        return False
    # The admin's last pattern matches every path, to redirect it.
    return bool(getattr(match.func, "should_append_slash", True))


def _over_http(request: HttpRequest) -> HttpResponse | None:
    """The refusal of a request that came without TLS where TLS is the rule; None for an SOS, or if Django redirects it.

    SECURE_REDIRECT_EXEMPT exempts the path of the SOS from Django's redirect, for every method.
    """
    if is_press(request):
        return None
    if request.method not in _SAFE:
        return problem(403, "https_required", "Use https://. The request was not carried out.")
    if request.path_info == PRESSES:
        return HttpResponsePermanentRedirect(settings.PUBLIC_BASE_URL + request.get_full_path())
    return None


def _name_the_host(request: HttpRequest) -> None:
    """Replace a host that is not ours, which a proxy may have written. The credential says who presses."""
    try:
        request.get_host()
    except DisallowedHost:
        request.META["HTTP_HOST"] = urlsplit(settings.PUBLIC_BASE_URL).netloc
