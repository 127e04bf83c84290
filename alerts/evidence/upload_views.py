"""Resumable uploads for bad networks: the tus protocol 1.0 with creation, expiration, termination and checksum.

Written by hand, because no tus server for Django or WSGI is still maintained.
"""

from uuid import UUID

from django.conf import settings
from django.urls import reverse
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiResponse, extend_schema
from rest_framework import status
from rest_framework.exceptions import UnsupportedMediaType
from rest_framework.request import Request
from rest_framework.response import Response

from alerts.evidence import bodies, resuming, tus, uploads
from identity.api import person_limits
from identity.api.openapi import problems
from identity.api.requests import person
from messaging.database import clock

_BYTES = "application/offset+octet-stream"


class UploadsView(tus.TusView):
    limit = person_limits.FILES

    @extend_schema(
        operation_id="sos_alerts_uploads_create",
        request=None,
        parameters=[
            tus.RESUMABLE,
            tus.header("Upload-Length", "Bytes of the whole file."),
            tus.header(
                "Upload-Metadata",
                "`kind` (audio, video or photo) and preferably `sha256` in hexadecimal. Values are in Base64.",
            ),
            tus.header(
                "Location", "The URL of the upload, for HEAD, PATCH and DELETE.", in_response=True, required=False
            ),
            *tus.PROGRESS,
        ],
        responses={201: OpenApiResponse(description="Send the bytes, starting at Upload-Offset.")}
        | problems(
            s400="`upload_metadata_invalid`, `sha256_invalid`",
            s404="The person has no such alert.",
            s409="`evidence_closed`: the alert ended more than seven days ago.",
            s411="`length_required`: Upload-Length is missing.",
            s412="`tus_version_refused`",
            s413="`file_too_large`, `evidence_quota_exceeded`",
            s429="`too_many_uploads`",
            s507="`storage_full`: keep the file and try later.",
        ),
    )
    def post(self, request: Request, alert_id: UUID) -> Response:
        """Begin a resumable upload (tus 1.0), for phones that lose their connection.

        Send the file in PATCH requests of some hundred kilobytes. After a break ask with HEAD where to go on. If the
        alert has an upload with the same kind, length and declared sha256 that has not expired, the response names that
        upload.
        """
        metadata = tus.metadata(request)
        upload = resuming.begin(
            alert_id=alert_id,
            owner=person(request),
            kind=tus.kind(metadata),
            length=tus.number(request, "Upload-Length"),
            sha256=uploads.declared_sha256(metadata.get("sha256", "")),
            now=clock.now(),
        )
        response = tus.respond(upload, status_code=status.HTTP_201_CREATED)
        response["Location"] = settings.PUBLIC_BASE_URL + reverse("upload", args=[upload.id])
        return response


class UploadView(tus.TusView):
    limit = person_limits.PIECES
    # resuming.py bounds the body by what is missing of the file.
    body_limit = None
    _GONE = problems(s404="The person has no such upload.", s410="`upload_expired`", s412="`tus_version_refused`")

    def head(self, request: Request, upload_id: UUID) -> Response:
        """Say in Upload-Offset how many bytes of the upload have arrived."""
        upload = uploads.own(upload_id, owner=person(request), now=clock.now())
        return tus.respond(resuming.progress(upload), status_code=status.HTTP_200_OK)

    @extend_schema(
        operation_id="uploads_append",
        request={_BYTES: OpenApiTypes.BINARY},
        parameters=[
            tus.RESUMABLE,
            tus.header("Upload-Offset", "Offset of the first of these bytes in the file."),
            tus.header(
                "Upload-Checksum",
                "`sha256` or `sha1`, then the digest in Base64. The body then has at most 4 MiB.",
                required=False,
            ),
            *tus.PROGRESS,
        ],
        responses={204: OpenApiResponse(description="The bytes are stored. With Evidence-Id: the file is kept.")}
        | _GONE
        | problems(
            s400="`parse_error`: a header is missing or is not a number.",
            s409="`offset_conflict`: ask with HEAD for the offset.",
            s411="`length_required`",
            s413="`too_many_bytes`",
            s415="`unsupported_media_type`. `type_refused`: the whole file is not of its kind; the upload is gone.",
            s422="`file_truncated`, `sha256_mismatch`: the whole file is wrong; the upload is gone.",
            s423="`upload_being_finished`",
            s460="`checksum_mismatch`: no byte of this PATCH was kept.",
            s503="`uploads_busy`: Retry-After says when to try again.",
        ),
    )
    def patch(self, request: Request, upload_id: UUID) -> Response:
        """Add bytes. If the connection breaks, the bytes that have arrived stay, except those of a PATCH with
        Upload-Checksum.

        The response to the last bytes comes when the file is checked and kept.
        """
        upload = uploads.own(upload_id, owner=person(request), now=clock.now())
        if request.content_type != _BYTES:
            raise UnsupportedMediaType(request.content_type)
        offset, checksum, length = (
            tus.number(request, "Upload-Offset"),
            tus.checksum(request),
            bodies.length_of(request),
        )
        with bodies.being_read(request):
            added = resuming.append(upload, request.stream, offset=offset, length=length, checksum=checksum)
        return tus.respond(added, status_code=status.HTTP_204_NO_CONTENT)

    @extend_schema(
        operation_id="uploads_end",
        parameters=[tus.RESUMABLE],
        responses={204: OpenApiResponse(description="The upload is gone. Evidence that it has become stays.")} | _GONE,
    )
    def delete(self, request: Request, upload_id: UUID) -> Response:
        """Delete the upload and the bytes that have arrived."""
        resuming.end(uploads.own(upload_id, owner=person(request), now=clock.now()))
        return Response(status=status.HTTP_204_NO_CONTENT)
