from django.urls import path

from identity import views

urlpatterns = [
    path("auth/register/", views.RegisterView.as_view()),
    path("auth/send-sms/", views.SendSmsView.as_view()),
    path("auth/verify-sms/", views.VerifySmsView.as_view()),
    path("auth/login/", views.LoginView.as_view()),
    path("auth/token/refresh/", views.RefreshView.as_view()),
    path("auth/logout/", views.LogoutView.as_view()),
    path("me/", views.MeView.as_view()),
    path("me/contacts/", views.ContactsView.as_view()),
    path("me/contacts/order/", views.ContactOrderView.as_view()),
    path("me/contacts/<uuid:contact_id>/", views.ContactView.as_view()),
]
