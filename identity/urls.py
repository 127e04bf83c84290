from django.urls import path

from identity.views import auth, devices, me, pins

urlpatterns = [
    path("auth/register/", auth.RegisterView.as_view()),
    path("auth/send-sms/", auth.SendSmsView.as_view()),
    path("auth/verify-sms/", auth.VerifySmsView.as_view()),
    path("auth/login/", auth.LoginView.as_view()),
    path("auth/token/refresh/", auth.RefreshView.as_view()),
    path("auth/logout/", auth.LogoutView.as_view()),
    path("me/", me.MeView.as_view()),
    path("me/password/", me.PasswordView.as_view()),
    path("me/contacts/", me.ContactsView.as_view()),
    path("me/contacts/order/", me.ContactOrderView.as_view()),
    path("me/contacts/<uuid:contact_id>/", me.ContactView.as_view()),
    path("me/devices/", devices.DevicesView.as_view()),
    path("me/devices/<uuid:device_id>/", devices.DeviceView.as_view()),
    path("me/pin/", pins.PinView.as_view()),
]
