from django.urls import path

from messaging.views import TwilioInboundView, TwilioStatusView

urlpatterns = [
    path("webhooks/twilio/inbound/", TwilioInboundView.as_view(), name="twilio-inbound"),
    path("webhooks/twilio/status/<uuid:attempt_id>/", TwilioStatusView.as_view(), name="twilio-status"),
]
