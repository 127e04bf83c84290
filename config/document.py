"""Serves the OpenAPI document. Each web process has it made at the first request for it and keeps it.

To make it takes some seconds of processor, so a separate process of the lowest priority does it: an SOS goes first.
"""

import hashlib
import json
import os
import subprocess
import sys
from dataclasses import dataclass
from threading import Lock

import structlog
from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.utils.cache import get_conditional_response
from drf_spectacular.renderers import OpenApiJsonRenderer, OpenApiYamlRenderer

from config.errors import problem

log = structlog.get_logger(__name__)

_RETRY_AFTER_S = 2
# A machine under load takes this long at most.
_MAKING_S = 120
_MAKE = """
import django, json, os
os.nice(19)
django.setup()
from drf_spectacular.generators import SchemaGenerator
from drf_spectacular.renderers import OpenApiJsonRenderer, OpenApiYamlRenderer
described = SchemaGenerator().get_schema(request=None, public=True)
print(json.dumps([maker().render(described).decode() for maker in (OpenApiYamlRenderer, OpenApiJsonRenderer)]))
"""


@dataclass(frozen=True, slots=True)
class _Document:
    content: bytes
    media_type: str
    etag: str

    @classmethod
    def of(cls, text: str, media_type: str) -> "_Document":
        content = text.encode()
        etag = hashlib.sha256(content).hexdigest()[:32]
        return cls(content=content, media_type=f"{media_type}; charset=utf-8", etag=f'"{etag}"')


_documents: dict[str, _Document] = {}
_making = Lock()


def schema(request: HttpRequest) -> HttpResponse:
    """The document in JSON if `?format=json` or Accept asks for it, else in YAML.

    503 while another thread has it made, or if that failed.
    """
    if len(_documents) < 2 and not _make():
        return problem(503, "document_busy", "The document is being made. Try again.", retry_after_s=_RETRY_AFTER_S)
    wants = request.GET.get("format") or ("json" if "json" in request.headers.get("Accept", "") else "yaml")
    document = _documents["json" if wants == "json" else "yaml"]
    response = HttpResponse(document.content, content_type=document.media_type, headers={"ETag": document.etag})
    response["Vary"], response["Cache-Control"] = "Accept", "public, max-age=300"
    response["Content-Disposition"] = "inline"
    answer = get_conditional_response(request, etag=document.etag, response=response)
    return answer or response


def _make() -> bool:
    """Fill `_documents`. False if another thread is doing it, or if the process that makes them failed."""
    if not _making.acquire(blocking=False):
        return False
    try:
        if len(_documents) < 2:
            as_yaml, as_json = _made()
            _documents["json"] = _Document.of(as_json, OpenApiJsonRenderer.media_type)
            _documents["yaml"] = _Document.of(as_yaml, OpenApiYamlRenderer.media_type)
    except (subprocess.SubprocessError, OSError):
        log.exception("document_not_made")
        return False
    finally:
        _making.release()
    return True


def _made() -> tuple[str, str]:
    """The document in YAML and in JSON, made by another process."""
    environment = {"DJANGO_SETTINGS_MODULE": "config.settings"} | os.environ
    made = subprocess.run(
        [sys.executable, "-c", _MAKE],
        cwd=settings.BASE_DIR,
        env=environment,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        timeout=_MAKING_S,
        check=True,
    )
    as_yaml, as_json = json.loads(made.stdout.splitlines()[-1])
    return as_yaml, as_json
