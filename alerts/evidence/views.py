"""Recordings and photos: sent in one request, listed, and read by signed URLs."""

from collections.abc import Callable
from functools import partial
from uuid import UUID

from django.http import Http404
from django.http.response import HttpResponseBase
from django.shortcuts import get_object_or_404
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, OpenApiResponse, extend_schema
from rest_framework import status
from rest_framework.parsers import MultiPartParser
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.serializers import ListSerializer
from rest_framework.views import APIView

from alerts.evidence import bodies, keeping, receiving, retention, serving, signed_urls, uploads
from alerts.evidence.serializers import AudioSerializer, EvidenceSerializer, PhotoSerializer, VideoSerializer
from alerts.models import Evidence, EvidenceKind
from alerts.owner import even_timing, view
from identity.api import person_limits
from identity.api.openapi import problems
from identity.api.requests import person
from identity.sessions.authentication import OpenToDevices
from messaging.database import clock

_Post = Callable[..., Response]

_FILE = {"type": "string", "format": "binary"}
_SIGNATURE = {"type": "string", "pattern": r"^[\w-]+:[\w-]+:[\w-]+$"}
_SHA256 = {"type": "string", "pattern": "^[0-9a-fA-F]{64}$", "description": "Optional: the file's SHA-256."}
_REFUSALS = problems(
    s400="`file_missing`, `upload_incomplete`, `sha256_invalid`, or the body is not multipart.",
    s404="The person has no such alert.",
    s409="`evidence_closed`: the alert ended more than seven days ago.",
    s411="`length_required`",
    s413="`file_too_large`, `evidence_quota_exceeded`",
    s415="`type_refused`: the content of the file is not of this kind.",
    s422="`file_truncated`, `sha256_mismatch`",
    s429="`too_many_uploads`",
    s503="`uploads_busy`: Retry-After says when to try again.",
    s507="`storage_full`: keep the file and try later.",
)


def _described(kind: EvidenceKind, serializer: type[EvidenceSerializer]) -> Callable[[_Post], _Post]:
    form = {"type": "object", "properties": {kind.value: _FILE, "sha256": _SHA256}, "required": [kind.value]}
    described: Callable[[_Post], _Post] = extend_schema(
        operation_id=f"sos_alerts_upload_{kind.value}",
        request={"multipart/form-data": form},
        responses={
            201: OpenApiResponse(serializer, description="The file is kept."),
            200: OpenApiResponse(serializer, description="The same bytes were kept before: their evidence."),
        }
        | _REFUSALS,
    )
    return described


class _UploadView(OpenToDevices):
    parser_classes = [MultiPartParser]
    limit = person_limits.FILES
    # receiving.py bounds the body by the kind of file.
    body_limit = None
    kind: EvidenceKind
    serializer: type[EvidenceSerializer]

    def _receive(self, request: Request, alert_id: UUID) -> Response:
        with bodies.being_read(request):
            evidence, is_new = self._keep(request, alert_id)
        urls = partial(signed_urls.signed_url, now=clock.now())
        code = status.HTTP_201_CREATED if is_new else status.HTTP_200_OK
        return Response(self.serializer(evidence, context={"urls": urls}).data, status=code)

    def _keep(self, request: Request, alert_id: UUID) -> tuple[Evidence, bool]:
        upload = uploads.open_upload(
            alert_id=alert_id,
            owner=person(request),
            kind=self.kind,
            length=receiving.bound_of(request, kind=self.kind),
            now=clock.now(),
        )
        try:
            received = receiving.receive(request, upload)
            return keeping.keep(upload, sha256=received.digest.hexdigest(), size=received.size, now=clock.now())
        except BaseException:
            uploads.drop(upload)
            raise


class UploadAudioView(_UploadView):
    kind = EvidenceKind.AUDIO
    serializer = AudioSerializer

    @_described(kind, serializer)
    def post(self, request: Request, alert_id: UUID) -> Response:
        """Send a sound recording: M4A, MP4, 3GP, WebM, Ogg, WAV, CAF, MP3, AAC, AMR or FLAC, recognised by its content.

        A repeat is harmless: the same bytes are kept once. For large files on bad networks see `uploads/`.
        """
        return self._receive(request, alert_id)


class UploadVideoView(_UploadView):
    kind = EvidenceKind.VIDEO
    serializer = VideoSerializer

    @_described(kind, serializer)
    def post(self, request: Request, alert_id: UUID) -> Response:
        """Send a video: MP4, QuickTime, 3GP, WebM, Matroska or Ogg, recognised by its content. A repeat is harmless."""
        return self._receive(request, alert_id)


class UploadPhotoView(_UploadView):
    kind = EvidenceKind.PHOTO
    serializer = PhotoSerializer

    @_described(kind, serializer)
    def post(self, request: Request, alert_id: UUID) -> Response:
        """Send a photo: JPEG, PNG, WebP, HEIC or AVIF, recognised by its content. A repeat is harmless."""
        return self._receive(request, alert_id)


class EvidenceView(APIView):
    @extend_schema(
        operation_id="sos_alerts_evidence",
        responses={200: EvidenceSerializer(many=True)} | problems(s404="The person has no such alert."),
    )
    def get(self, request: Request, alert_id: UUID) -> Response:
        """The recordings and photos of the alert, oldest first.

        The API cannot delete them, so somebody who takes the phone by force cannot delete them either.
        """
        alert = get_object_or_404(view.owned_by(person(request)), id=alert_id)
        now = clock.now()
        urls = partial(signed_urls.signed_url, now=now)
        with even_timing.of_ended(alert):
            kept = retention.shown_to_owner(alert, now=now)
            shown = ListSerializer(kept, child=EvidenceSerializer(context={"urls": urls}), context={"urls": urls})
            return Response(shown.data)


class FileView(APIView):
    """A file behind a signed URL. Needs no access token, because media players send none: the signature is the
    permission.
    """

    authentication_classes = ()
    permission_classes = ()

    @extend_schema(
        operation_id="evidence_file",
        auth=[],
        parameters=[
            OpenApiParameter("signature", _SIGNATURE, OpenApiParameter.PATH, description="The last part of `url`."),
            OpenApiParameter("Range", str, OpenApiParameter.HEADER, description="One range of bytes."),
            OpenApiParameter("If-Range", str, OpenApiParameter.HEADER, description="The ETag of the file."),
        ],
        responses={
            (200, "application/octet-stream"): OpenApiResponse(
                OpenApiTypes.BINARY, description="The file, in its own type."
            ),
            (206, "application/octet-stream"): OpenApiResponse(OpenApiTypes.BINARY, description="The range of bytes."),
            304: OpenApiResponse(description="If-None-Match has the file's ETag."),
            416: OpenApiResponse(description="The file has no such range."),
            503: OpenApiResponse(description="Too many files are being fetched. Retry-After says when to try again."),
        }
        | problems(s404="The URL was never signed or has expired, or the file is gone."),
    )
    def get(self, request: Request, signature: str) -> HttpResponseBase:
        """The file behind a signed URL, which expires after two hours."""
        evidence = signed_urls.opened(signature, now=clock.now())
        if evidence is None:
            raise Http404
        return serving.respond(request._request, evidence)
