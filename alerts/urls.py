from django.urls import path

from alerts.views import alerts, drills, evidence, exports, policy, positions, timeline, timers, uploads

urlpatterns = [
    path("me/escalation-policy/", policy.PolicyView.as_view(), name="escalation-policy"),
    path("sos-alerts/", alerts.AlertsView.as_view(), name="sos-alerts"),
    path("sos-alerts/false-alarms/", alerts.FalseAlarmsView.as_view(), name="sos-alerts-false-alarms"),
    path("sos-alerts/<uuid:alert_id>/", alerts.AlertView.as_view(), name="sos-alert"),
    path("sos-alerts/<uuid:alert_id>/cancel/", alerts.CancelView.as_view(), name="sos-alert-cancel"),
    path("sos-alerts/<uuid:alert_id>/resolve/", alerts.ResolveView.as_view(), name="sos-alert-resolve"),
    path("sos-alerts/<uuid:alert_id>/evidence/", evidence.EvidenceView.as_view(), name="sos-alert-evidence"),
    path("sos-alerts/<uuid:alert_id>/upload_audio/", evidence.UploadAudioView.as_view(), name="upload-audio"),
    path("sos-alerts/<uuid:alert_id>/upload_video/", evidence.UploadVideoView.as_view(), name="upload-video"),
    path("sos-alerts/<uuid:alert_id>/upload_photo/", evidence.UploadPhotoView.as_view(), name="upload-photo"),
    path("sos-alerts/<uuid:alert_id>/uploads/", uploads.UploadsView.as_view(), name="uploads"),
    path("uploads/<uuid:upload_id>/", uploads.UploadView.as_view(), name="upload"),
    path("evidence/<str:signature>/", evidence.FileView.as_view(), name="evidence-file"),
    path("timers/", timers.TimersView.as_view(), name="timers"),
    path("timers/<uuid:timer_id>/", timers.TimerView.as_view(), name="timer"),
    path("timers/<uuid:timer_id>/extend/", timers.ExtendView.as_view(), name="timer-extend"),
    path("timers/<uuid:timer_id>/check-in/", timers.CheckInView.as_view(), name="timer-check-in"),
    path("timers/<uuid:timer_id>/complete/", timers.CompleteView.as_view(), name="timer-complete"),
    path("timers/<uuid:timer_id>/cancel/", timers.CancelView.as_view(), name="timer-cancel"),
    path("timers/<uuid:timer_id>/heartbeat/", timers.HeartbeatView.as_view(), name="timer-heartbeat"),
    path("sos-alerts/<uuid:alert_id>/drill-report/", drills.DrillReportView.as_view(), name="sos-alert-drill-report"),
    path("sos-alerts/<uuid:alert_id>/timeline/", timeline.TimelineView.as_view(), name="sos-alert-timeline"),
    path("sos-alerts/<uuid:alert_id>/export/", exports.ExportView.as_view(), name="sos-alert-export"),
    path("export-key/", exports.ExportKeyView.as_view(), name="export-key"),
    path("sos-alerts/<uuid:alert_id>/locations/", positions.LocationsView.as_view(), name="sos-alert-locations"),
    path(
        "sos-alerts/<uuid:alert_id>/locations/batch/",
        positions.LocationBatchView.as_view(),
        name="sos-alert-locations-batch",
    ),
]
