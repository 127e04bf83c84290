from django.urls import path

from identity.pins import views

urlpatterns = [
    path("me/pin/", views.PinView.as_view()),
]
