from django.urls import path

from identity.devices import views

urlpatterns = [
    path("me/devices/", views.DevicesView.as_view()),
    path("me/devices/<uuid:device_id>/", views.DeviceView.as_view()),
]
