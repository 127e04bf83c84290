from django.urls import path

from alerts.evidence import upload_views, views

urlpatterns = [
    path("sos-alerts/<uuid:alert_id>/evidence/", views.EvidenceView.as_view(), name="sos-alert-evidence"),
    path("sos-alerts/<uuid:alert_id>/upload_audio/", views.UploadAudioView.as_view(), name="upload-audio"),
    path("sos-alerts/<uuid:alert_id>/upload_video/", views.UploadVideoView.as_view(), name="upload-video"),
    path("sos-alerts/<uuid:alert_id>/upload_photo/", views.UploadPhotoView.as_view(), name="upload-photo"),
    path("sos-alerts/<uuid:alert_id>/uploads/", upload_views.UploadsView.as_view(), name="uploads"),
    path("uploads/<uuid:upload_id>/", upload_views.UploadView.as_view(), name="upload"),
    path("evidence/<str:signature>/", views.FileView.as_view(), name="evidence-file"),
]
