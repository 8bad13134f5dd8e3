"""What a tracking host answers when we ask it over HTTPS whether it leads here."""

from django.http import HttpRequest, HttpResponse
from django.views.decorators.http import require_safe

from domains.checks import probe_proof


@require_safe
def prove(request: HttpRequest, host: str) -> HttpResponse:
    """A proof that only this installation can give; it reads no rows and tells nothing else."""
    return HttpResponse(probe_proof(host[:253]), content_type="text/plain")
