from datetime import timedelta
from uuid import UUID

from django.conf import settings
from django.http import StreamingHttpResponse
from django.shortcuts import get_object_or_404
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiResponse, extend_schema
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from alerts.evidence.sending import Sending
from alerts.exports import bundle, contents, signing
from alerts.exports.serializers import PublicKeysSerializer
from alerts.owner import even_timing, view
from identity.api import rates
from identity.api.openapi import problems
from identity.api.rates import Limit
from identity.api.requests import person
from messaging.database import clock

EXPORTS = Limit(scope="exports", times=30, window=timedelta(hours=1))


class ExportView(APIView):
    @extend_schema(
        operation_id="sos_alerts_export",
        responses={(200, "application/zip"): OpenApiResponse(OpenApiTypes.BINARY, description="The export.")}
        | problems(
            s404="The person has no such alert.",
            s429="`too_many_requests`: Retry-After says when to try again.",
            s503="`downloads_busy`: Retry-After says when to try again.",
        ),
    )
    def get(self, request: Request, alert_id: UUID) -> StreamingHttpResponse:
        """The alert as one ZIP file that a third person can check.

        It holds `alert.json` (the alert, and each contact with the outcome of each SMS and call), `timeline.json` (the
        chain), `positions.geojson`, every recording and photo below `evidence/`, `manifest.json` (size and SHA-256 of
        each file) and `manifest.sig` (the Ed25519 signature of the manifest's bytes, by a key at `export-key/`). The
        manifest's `view` is `owner`; the key signs only exports with this view. `manage.py verifyexport FILE --key
        KEYFILE` or `python -m alerts.exports` checks it without a server.
        """
        user, now = person(request), clock.now()
        alert = get_object_or_404(view.owned_by(user).select_related("owner"), id=alert_id)
        rates.spend(EXPORTS, str(user.id), now=now)
        with even_timing.of_ended(alert):
            shown = contents.shown_to_owner(alert, now=now)
        chunks = bundle.write(shown, key=signing.signing_key(shown.view), by=settings.PUBLIC_BASE_URL, now=now)
        return StreamingHttpResponse(
            Sending(chunks, request=request._request),
            content_type="application/zip",
            headers={
                "Content-Disposition": f'attachment; filename="alert-{alert.id}.zip"',
                "Cache-Control": "private, no-store",
                "X-Content-Type-Options": "nosniff",
            },
        )


class ExportKeyView(APIView):
    """The public keys, open to everyone: people without an account check exports too."""

    authentication_classes = ()
    permission_classes = ()

    @extend_schema(operation_id="export_key", auth=[], responses=PublicKeysSerializer)
    def get(self, request: Request) -> Response:
        """The public keys that check this installation's exports."""
        return Response(PublicKeysSerializer({"keys": signing.public_keys()}).data)
