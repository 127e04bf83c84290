"""Reads, checks and sends the headers of the tus protocol (https://tus.io/protocols/resumable-upload).

Describes them for the OpenAPI document too. TusView is the base of the views.
"""

import binascii
from base64 import b64decode
from typing import Any

from django.utils.http import http_date
from drf_spectacular.utils import OpenApiParameter
from rest_framework import status
from rest_framework.exceptions import ParseError
from rest_framework.parsers import FileUploadParser
from rest_framework.request import Request
from rest_framework.response import Response

from alerts.evidence import bodies, limits, resuming
from alerts.models import EvidenceKind, Upload
from identity.errors import Invalid, PreconditionUnmet
from identity.sessions.authentication import OpenToDevices

VERSION = "1.0.0"


class VersionRefused(PreconditionUnmet):
    code = "tus_version_refused"
    detail = f"Tus-Resumable must be {VERSION}."


class MetadataInvalid(Invalid):
    code = "upload_metadata_invalid"
    detail = "Upload-Metadata must have a kind (audio, video or photo). Its values must be in Base64."


class TusView(OpenToDevices):
    device_methods = ("POST", "HEAD", "PATCH")
    # DRF needs a parser but never parses the body: the view reads it as it comes.
    parser_classes = [FileUploadParser]

    def initial(self, request: Request, *args: object, **kwargs: object) -> None:
        super().initial(request, *args, **kwargs)
        if request.method != "OPTIONS" and request.headers.get("Tus-Resumable") != VERSION:
            raise VersionRefused

    def finalize_response(self, request: Request, response: Response, *args: object, **kwargs: object) -> Response:
        response = super().finalize_response(request, response, *args, **kwargs)
        response["Tus-Resumable"] = response["Tus-Version"] = VERSION
        response["Cache-Control"] = "no-store"
        return response

    def options(self, request: Any, *args: object, **kwargs: object) -> Response:
        return Response(
            status=status.HTTP_204_NO_CONTENT,
            headers={
                "Tus-Extension": "creation,expiration,termination,checksum",
                "Tus-Max-Size": str(max(map(limits.largest, EvidenceKind))),
                "Tus-Checksum-Algorithm": ",".join(resuming.ALGORITHMS),
            },
        )


def metadata(request: Request) -> dict[str, str]:
    """The names and values in the header Upload-Metadata. Raises MetadataInvalid if the header is malformed."""
    pairs = (pair.strip().partition(" ") for pair in request.headers.get("Upload-Metadata", "").split(",") if pair)
    try:
        return {name: b64decode(value.strip(), validate=True).decode() for name, _, value in pairs}
    except (binascii.Error, UnicodeError) as error:
        raise MetadataInvalid from error


def kind(metadata: dict[str, str]) -> EvidenceKind:
    """The kind of evidence that the metadata declare. Raises MetadataInvalid if they declare no known kind."""
    try:
        return EvidenceKind(metadata.get("kind", ""))
    except ValueError as error:
        raise MetadataInvalid from error


def number(request: Request, header: str) -> int:
    """The whole number in this header.

    Raises LengthRequired if the header is Upload-Length and is missing or 0. Raises ParseError if the value is no whole
    number of at most 18 digits.
    """
    value = request.headers.get(header, "")
    if header == "Upload-Length" and value in ("", "0"):
        raise bodies.LengthRequired("Upload-Length must say how long the file is.")
    if not (value.isascii() and value.isdecimal() and len(value) <= 18):
        raise ParseError(f"{header} must be a whole number.")
    return int(value)


def checksum(request: Request) -> tuple[str, bytes] | None:
    """The algorithm and the digest in Upload-Checksum; None without the header.

    Raises ParseError if the header is malformed, or if it names an algorithm that is not in ALGORITHMS.
    """
    header = request.headers.get("Upload-Checksum")
    if header is None:
        return None
    algorithm, _, digest = header.strip().partition(" ")
    try:
        if algorithm in resuming.ALGORITHMS:
            return algorithm, b64decode(digest, validate=True)
    except (binascii.Error, ValueError) as error:
        raise ParseError("Upload-Checksum must be an algorithm and a digest in Base64.") from error
    raise ParseError("Upload-Checksum must be made with sha1 or sha256.")


def respond(upload: Upload, *, status_code: int) -> Response:
    """A response whose headers say how many bytes of the upload have arrived and, once its file is kept, the evidence's
    id.
    """
    response = Response(status=status_code)
    response["Upload-Offset"], response["Upload-Length"] = str(upload.offset), str(upload.length)
    response["Upload-Expires"] = http_date(upload.expires_at.timestamp())
    if upload.evidence_id:
        response["Evidence-Id"] = str(upload.evidence_id)
    return response


def header(name: str, description: str, *, required: bool = True, in_response: bool = False) -> OpenApiParameter:
    statuses = [200, 201, 204] if in_response else False
    return OpenApiParameter(
        name, str, OpenApiParameter.HEADER, required=required, description=description, response=statuses
    )


RESUMABLE = header("Tus-Resumable", f"Always `{VERSION}`.")
PROGRESS = [
    header("Upload-Offset", "Bytes that have arrived.", in_response=True, required=False),
    header("Upload-Expires", "When the upload is dropped if it is not whole.", in_response=True, required=False),
    header("Evidence-Id", "The file's id in `evidence/`, once it is whole.", in_response=True, required=False),
]
