"""Sets the Content-Security-Policy of every response: it forbids inline scripts and inline styles.

A view that sets the header itself keeps its own policy: the contacts' page and files of evidence do.
"""

from collections.abc import Callable

from django.http import HttpRequest, HttpResponse

HEADER = "Content-Security-Policy"
_NOTHING = "default-src 'none'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
_OWN_FILES = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; font-src 'self';"
    " connect-src 'self'; base-uri 'none'; frame-ancestors 'none'; form-action "
)
# The first prefix of the path counts; all other paths answer JSON or files, and load nothing.
POLICIES = (
    ("/admin/", f"{_OWN_FILES}'self'"),
    ("/api/docs/", f"{_OWN_FILES}'none'"),
)


class ContentSecurityPolicyMiddleware:
    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        response = self.get_response(request)
        response.headers.setdefault(HEADER, policy_of(request.path_info))
        return response


def policy_of(path: str) -> str:
    return next((policy for prefix, policy in POLICIES if path.startswith(prefix)), _NOTHING)
