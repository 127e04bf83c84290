from django.urls import path

from identity.verification import views

urlpatterns = [
    path("auth/register/", views.RegisterView.as_view()),
    path("auth/send-sms/", views.SendSmsView.as_view()),
    path("auth/verify-sms/", views.VerifySmsView.as_view()),
]
