"""Serves a request whose path has a slash too few or too many under the right path, without a redirect.

Clients repeat a redirected POST as a GET, so a redirected press would become a request for the list of alerts.
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
    """Corrects the path, and for a press the host. First in MIDDLEWARE, before all that reads path, host or scheme.

    Paths below /api/ are corrected for every method, other paths only for methods that change something. An unknown
    path below /api/ gets a 404 in problem+json, also with DEBUG. Such methods get 403 over http if https is the rule.
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
    """The response to a request that came without TLS although SECURE_SSL_REDIRECT is on; None lets the request pass.

    A press passes and is served. Other requests that change something are refused. A request that reads passes, and
    Django redirects it, except on the path of presses, which SECURE_REDIRECT_EXEMPT names: it is redirected here.
    """
    if is_press(request):
        return None
    if request.method not in _SAFE:
        return problem(403, "https_required", "Use https://. The request was not carried out.")
    if request.path_info == PRESSES:
        return HttpResponsePermanentRedirect(settings.PUBLIC_BASE_URL + request.get_full_path())
    return None


def _name_the_host(request: HttpRequest) -> None:
    """Replace a Host header that is not in ALLOWED_HOSTS by our own: a proxy's mistake must not refuse a press."""
    try:
        request.get_host()
    except DisallowedHost:
        request.META["HTTP_HOST"] = urlsplit(settings.PUBLIC_BASE_URL).netloc
