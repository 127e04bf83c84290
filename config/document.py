"""The OpenAPI document. Each process makes it once, when somebody asks for the first time: it takes a second."""

import hashlib
from dataclasses import dataclass
from threading import Lock

from django.http import HttpRequest, HttpResponse
from django.utils.cache import get_conditional_response
from django.utils.translation import override
from drf_spectacular.generators import SchemaGenerator
from drf_spectacular.renderers import OpenApiJsonRenderer, OpenApiYamlRenderer

from config.errors import problem

_RETRY_AFTER_S = 2


@dataclass(frozen=True, slots=True)
class _Document:
    content: bytes
    media_type: str
    etag: str


_documents: dict[str, _Document] = {}
_making = Lock()


def schema(request: HttpRequest) -> HttpResponse:
    """The document in JSON if `?format=json` or Accept asks for it, else in YAML. 503 while another thread makes it."""
    if not _documents and not _make():
        return problem(503, "document_busy", "The document is being made. Try again.", retry_after_s=_RETRY_AFTER_S)
    wants = request.GET.get("format") or ("json" if "json" in request.headers.get("Accept", "") else "yaml")
    document = _documents["json" if wants == "json" else "yaml"]
    response = HttpResponse(document.content, content_type=document.media_type, headers={"ETag": document.etag})
    response["Vary"], response["Cache-Control"] = "Accept", "public, max-age=300"
    response["Content-Disposition"] = "inline"
    answer = get_conditional_response(request, etag=document.etag, response=response)
    return answer or response


def _make() -> bool:
    """Make the documents. False if another thread is doing so: one thread is kept busy, and the others serve an SOS."""
    if not _making.acquire(blocking=False):
        return False
    try:
        if not _documents:
            with override("en"):
                described = SchemaGenerator().get_schema(request=None, public=True)  # type: ignore[no-untyped-call]
                made = {
                    "yaml": _rendered(OpenApiYamlRenderer(), described),
                    "json": _rendered(OpenApiJsonRenderer(), described),
                }
            _documents.update(made)
    finally:
        _making.release()
    return True


def _rendered(renderer: OpenApiYamlRenderer | OpenApiJsonRenderer, described: object) -> _Document:
    content = renderer.render(described)
    etag = f'"{hashlib.sha256(content).hexdigest()[:32]}"'
    return _Document(content=content, media_type=f"{renderer.media_type}; charset=utf-8", etag=etag)
