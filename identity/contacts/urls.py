from django.urls import path

from identity.contacts import views

urlpatterns = [
    path("me/contacts/", views.ContactsView.as_view()),
    path("me/contacts/order/", views.ContactOrderView.as_view()),
    path("me/contacts/<uuid:contact_id>/", views.ContactView.as_view()),
    path("me/contacts/<uuid:contact_id>/remind/", views.ContactReminderView.as_view()),
]
