"""Recordings and photos: sent in one request, listed, and read by the URLs those answers hold."""

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

from alerts.evidence import addresses, bodies, keeping, receiving, retention, serving, uploads
from alerts.evidence.serializers import AudioSerializer, EvidenceSerializer, PhotoSerializer, VideoSerializer
from alerts.models import Evidence, EvidenceKind, SosAlert
from identity.api.openapi import problems
from identity.api.requests import person
from identity.sessions.authentication import OpenToDevices
from messaging.database import clock

_Post = Callable[..., Response]

_FILE = {"type": "string", "format": "binary"}
_SIGNATURE = {"type": "string", "pattern": r"^[\w-]+:[\w-]+:[\w-]+$"}
_SHA256 = {"type": "string", "pattern": "^[0-9a-fA-F]{64}$", "description": "Optional: what the bytes must hash to."}
_REFUSALS = problems(
    s400="`file_missing`, `upload_incomplete`, `sha256_invalid`, or no multipart at all.",
    s404="The person has no such alert.",
    s409="`evidence_closed`: the alert ended more than seven days ago.",
    s411="`length_required`",
    s413="`file_too_large`, `evidence_quota_exceeded`",
    s415="`type_refused`: by content it is not of this kind.",
    s422="`file_truncated`, `sha256_mismatch`",
    s429="`too_many_uploads`",
    s503="`uploads_busy`: Retry-After says when.",
    s507="`storage_full`: keep the file and try later.",
)


def _described(kind: EvidenceKind, serializer: type[EvidenceSerializer]) -> Callable[[_Post], _Post]:
    form = {"type": "object", "properties": {kind.value: _FILE, "sha256": _SHA256}, "required": [kind.value]}
    described: Callable[[_Post], _Post] = extend_schema(
        operation_id=f"sos_alerts_upload_{kind.value}",
        request={"multipart/form-data": form},
        responses={
            201: OpenApiResponse(serializer, description="Kept."),
            200: OpenApiResponse(serializer, description="The same bytes were already kept: the first answer again."),
        }
        | _REFUSALS,
    )
    return described


class _UploadView(OpenToDevices):
    parser_classes = [MultiPartParser]
    kind: EvidenceKind
    serializer: type[EvidenceSerializer]

    def _receive(self, request: Request, alert_id: UUID) -> Response:
        with bodies.being_read(request):
            evidence, is_new = self._keep(request, alert_id)
        urls = partial(addresses.signed_url, now=clock.now())
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
        """A sound recording: M4A, MP4, 3GP, WebM, Ogg, WAV, CAF, MP3, AAC, AMR or FLAC, told by its content.

        Repeating is harmless: the same bytes are kept once. For large files on bad networks see `uploads/`.
        """
        return self._receive(request, alert_id)


class UploadVideoView(_UploadView):
    kind = EvidenceKind.VIDEO
    serializer = VideoSerializer

    @_described(kind, serializer)
    def post(self, request: Request, alert_id: UUID) -> Response:
        """A film: MP4, QuickTime, 3GP, WebM, Matroska or Ogg, told by its content. Repeating is harmless."""
        return self._receive(request, alert_id)


class UploadPhotoView(_UploadView):
    kind = EvidenceKind.PHOTO
    serializer = PhotoSerializer

    @_described(kind, serializer)
    def post(self, request: Request, alert_id: UUID) -> Response:
        """A photo: JPEG, PNG, WebP, HEIC or AVIF, told by its content. Repeating is harmless."""
        return self._receive(request, alert_id)


class EvidenceView(APIView):
    @extend_schema(
        operation_id="sos_alerts_evidence",
        responses={200: EvidenceSerializer(many=True)} | problems(s404="The person has no such alert."),
    )
    def get(self, request: Request, alert_id: UUID) -> Response:
        """What there is of the alert, oldest first. Nobody can delete it through the API: who holds a phone by force
        could."""
        alert = get_object_or_404(SosAlert, id=alert_id, owner=person(request))
        now = clock.now()
        urls = partial(addresses.signed_url, now=now)
        kept = retention.shown_to_owner(alert, now=now)
        shown = ListSerializer(kept, child=EvidenceSerializer(context={"urls": urls}), context={"urls": urls})
        return Response(shown.data)


class FileView(APIView):
    """The signature is the permission: players send no tokens."""

    authentication_classes = ()
    permission_classes = ()

    @extend_schema(
        operation_id="evidence_file",
        auth=[],
        parameters=[
            OpenApiParameter("signature", _SIGNATURE, OpenApiParameter.PATH, description="As it stands in `url`."),
            OpenApiParameter("Range", str, OpenApiParameter.HEADER, description="One range of bytes."),
            OpenApiParameter("If-Range", str, OpenApiParameter.HEADER, description="The ETag."),
        ],
        responses={
            (200, "application/octet-stream"): OpenApiResponse(OpenApiTypes.BINARY, description="The file's own type."),
            (206, "application/octet-stream"): OpenApiResponse(OpenApiTypes.BINARY, description="The range."),
            304: OpenApiResponse(description="If-None-Match has its ETag."),
            416: OpenApiResponse(description="There is no such range."),
            503: OpenApiResponse(description="Too many files are being fetched: Retry-After says when."),
        }
        | problems(s404="It was never signed, has expired, or the file is gone."),
    )
    def get(self, request: Request, signature: str) -> HttpResponseBase:
        """A file by its signed URL, which expires after two hours."""
        evidence = addresses.opened(signature, now=clock.now())
        if evidence is None:
            raise Http404
        return serving.answer(request._request, evidence)
