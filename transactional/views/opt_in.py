"""The page behind the link of a double opt-in: a press of its button confirms, looking does not."""

from django.http import HttpRequest, HttpResponse
from django.utils import timezone
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_http_methods

from transactional import opt_in
from transactional.views.preferences import answer, language_of, lost


@csrf_exempt  # the signed link is the permission
@require_http_methods(["GET", "HEAD", "POST"])
def confirm(request: HttpRequest, token: str) -> HttpResponse:
    """`/u/c/<token>`."""
    found = opt_in.read(token)
    if found is None:
        return lost(request)
    done = found.confirmed_at is not None
    expired = not done and found.expires_at <= timezone.now()
    if request.method == "POST" and not done:
        done = opt_in.confirm(found)
        expired = not done
    context = {
        "address": found.contact.email,
        "sender": found.account.name,
        "type": found.type.named(language_of(request)) if found.type else "",
        "done": done,
        "expired": expired,
    }
    return answer(request, "transactional/opt_in.html", context, status=410 if expired else 200)
