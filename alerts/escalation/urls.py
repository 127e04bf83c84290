from django.urls import path

from alerts.escalation import views

urlpatterns = [
    path("me/escalation-policy/", views.PolicyView.as_view(), name="escalation-policy"),
]
