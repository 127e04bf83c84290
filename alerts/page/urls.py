"""URLs of the contacts' page, short because they stand in an SMS. All wrong URLs below /a/ get the same response."""

from django.urls import path

from alerts.page import choice_views, evidence_views, linked, views

urlpatterns = [
    path("<str:token>", views.show, name="contacts-page"),
    path("<str:token>/live", views.live, name="contacts-page-live"),
    path("<str:token>/answer", views.answer, name="contacts-page-answer"),
    path("<str:token>/contact", choice_views.choose, name="contacts-page-choices"),
    path("<str:token>/evidence/<uuid:evidence_id>", evidence_views.contacts_file, name="contacts-page-evidence"),
    path("", linked.gone),
    path("<path:rest>", linked.gone),
]
