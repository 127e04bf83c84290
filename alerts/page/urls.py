"""URLs of the contacts' page, short because they stand in an SMS. All wrong URLs below /a/ get the same response."""

from django.urls import path, re_path

from alerts.page import choice_views, evidence_views, linked, views

urlpatterns = [
    # Phones take the marks after a link in a text for a part of it.
    re_path(r"^(?P<token>[A-Za-z0-9_-]+)[^A-Za-z0-9_-]+$", views.show),
    path("<str:token>", views.show, name="contacts-page"),
    path("<str:token>/live", views.live, name="contacts-page-live"),
    path("<str:token>/answer", views.answer, name="contacts-page-answer"),
    path("<str:token>/contact", choice_views.choose, name="contacts-page-choices"),
    path("<str:token>/evidence/<uuid:evidence_id>", evidence_views.contacts_file, name="contacts-page-evidence"),
    path("", linked.gone),
    path("<path:rest>", linked.gone),
]
