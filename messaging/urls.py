from django.urls import path

from messaging.views import TwilioStatusView

urlpatterns = [
    path("webhooks/twilio/status/<uuid:attempt_id>/", TwilioStatusView.as_view(), name="twilio-status"),
]
