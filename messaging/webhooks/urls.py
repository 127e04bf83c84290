from django.urls import path

from messaging.webhooks.call_views import TwilioCallStatusView, TwilioDigitView
from messaging.webhooks.views import TwilioInboundView, TwilioStatusView

urlpatterns = [
    path("webhooks/twilio/inbound/", TwilioInboundView.as_view(), name="twilio-inbound"),
    path("webhooks/twilio/status/<uuid:attempt_id>/", TwilioStatusView.as_view(), name="twilio-status"),
    path("webhooks/twilio/call/<uuid:attempt_id>/", TwilioCallStatusView.as_view(), name="twilio-call"),
    path("webhooks/twilio/digit/<uuid:attempt_id>/", TwilioDigitView.as_view(), name="twilio-digit"),
]
