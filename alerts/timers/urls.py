from django.urls import path

from alerts.timers import views

urlpatterns = [
    path("timers/", views.TimersView.as_view(), name="timers"),
    path("timers/<uuid:timer_id>/", views.TimerView.as_view(), name="timer"),
    path("timers/<uuid:timer_id>/extend/", views.ExtendView.as_view(), name="timer-extend"),
    path("timers/<uuid:timer_id>/check-in/", views.CheckInView.as_view(), name="timer-check-in"),
    path("timers/<uuid:timer_id>/complete/", views.CompleteView.as_view(), name="timer-complete"),
    path("timers/<uuid:timer_id>/cancel/", views.CancelView.as_view(), name="timer-cancel"),
    path("timers/<uuid:timer_id>/heartbeat/", views.HeartbeatView.as_view(), name="timer-heartbeat"),
]
