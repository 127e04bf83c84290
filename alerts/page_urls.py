"""The contacts' page. Short, for it stands in an SMS; every address below /a/ that is none answers alike."""

from django.urls import path

from alerts.views import choices, evidence, linked, page

urlpatterns = [
    path("<str:token>", page.show, name="contacts-page"),
    path("<str:token>/live", page.live, name="contacts-page-live"),
    path("<str:token>/answer", page.answer, name="contacts-page-answer"),
    path("<str:token>/contact", choices.choose, name="contacts-page-choices"),
    path("<str:token>/evidence/<uuid:evidence_id>", evidence.contacts_file, name="contacts-page-evidence"),
    path("", linked.nothing),
    path("<path:rest>", linked.nothing),
]
