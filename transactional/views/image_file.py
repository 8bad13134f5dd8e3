"""The public address of an image in mail: no session, no cookie, nothing runs, cached for good."""

from django.http import HttpRequest, HttpResponse, HttpResponseNotModified
from django.views.decorators.http import require_safe

from transactional.library import images, storage

YEAR = 365 * 24 * 3600
HEADERS = {
    "Cache-Control": f"public, max-age={YEAR}, immutable",
    "Content-Security-Policy": "default-src 'none'; sandbox",
    "X-Content-Type-Options": "nosniff",
    # Webmail shows it from its own origin
    "Cross-Origin-Resource-Policy": "cross-origin",
}


@require_safe
def image_file(request: HttpRequest, name: str) -> HttpResponse:
    """The octets under their token and ending; whoever has the token may see them."""
    image = images.public(name)
    if image is None:
        return _absent()
    tag = f'"{bytes(image.digest).hex()}"'
    if tag in request.headers.get("If-None-Match", ""):
        answer: HttpResponse = HttpResponseNotModified()
    else:
        data = storage.find(image)
        if data is None:
            return _absent()
        answer = HttpResponse(data, content_type=f"image/{image.format}")
        answer.headers["Content-Length"] = str(len(data))
    for header, value in {**HEADERS, "ETag": tag}.items():
        answer.headers[header] = value
    return answer


def _absent() -> HttpResponse:
    answer = HttpResponse("There is no such image.", status=404, content_type="text/plain")
    answer.headers["Cache-Control"] = "no-store"
    return answer
