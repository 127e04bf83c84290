from uuid import UUID

from drf_spectacular.utils import extend_schema
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from alerts.sos import drills
from alerts.sos.drill_serializers import DrillReportSerializer
from identity.api.openapi import problems
from identity.api.requests import person


class DrillReportView(APIView):
    @extend_schema(
        operation_id="sos_alerts_drill_report",
        responses={200: DrillReportSerializer} | problems(s404="The person has no such drill."),
    )
    def get(self, request: Request, alert_id: UUID) -> Response:
        """The result of a drill so far: which TEST arrived, how fast, and why another did not."""
        return Response(DrillReportSerializer(drills.report(alert_id=alert_id, owner=person(request))).data)
