from uuid import UUID

from django.http import HttpRequest, HttpResponseNotAllowed
from django.http.response import HttpResponseBase
from django.views.decorators.csrf import csrf_exempt

from alerts.contacts import links
from alerts.evidence import serving
from alerts.models import Evidence
from alerts.page import linked
from messaging.database import clock


@csrf_exempt
def contacts_file(request: HttpRequest, token: str, evidence_id: UUID) -> HttpResponseBase:
    """The response with a file of the alert, for everyone who has a contact's link. An unknown file gets the response
    of a wrong link.

    The response is not compressed: ranges count the file's bytes.
    """
    link = links.opened(token, now=clock.now())
    found = link and Evidence.objects.filter(id=evidence_id, alert_id=link.alert_id, erased_at=None).first()
    if not found:
        return linked.gone(request)
    if request.method not in ("GET", "HEAD"):
        return HttpResponseNotAllowed(("GET", "HEAD"))
    return serving.respond(request, found)
