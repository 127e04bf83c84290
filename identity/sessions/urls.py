from django.urls import path

from identity.sessions import pin_views, session_views, views

urlpatterns = [
    path("auth/login/", views.LoginView.as_view()),
    path("auth/token/refresh/", views.RefreshView.as_view()),
    path("auth/logout/", views.LogoutView.as_view()),
    path("me/password/", views.PasswordView.as_view()),
    path("me/pin/", pin_views.PinView.as_view()),
    path("me/reauthenticate/", session_views.ReauthenticateView.as_view()),
    path("me/sessions/", session_views.SessionsView.as_view()),
    path("me/sessions/<uuid:session_id>/", session_views.SessionView.as_view()),
]
