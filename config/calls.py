"""API calls: the addresses they answer at, and what is at those that lead nowhere."""

from collections.abc import Callable
from io import BytesIO
from typing import Any, NoReturn

from django.http import Http404
from django.urls import URLPattern, path
from rest_framework.request import Request
from rest_framework.views import APIView

from config.rest import BODY_LIMIT


def call(address: str, view: Callable[..., Any], name: str = "") -> list[URLPattern]:
    """Both forms of an address, with and without the final slash; neither redirects."""
    return [path(address, view, name=name or None), path(f"{address}/", view)]


class Call(APIView):
    """The base of every call."""

    def initial(self, request: Request, *args: Any, **kwargs: Any) -> None:
        """Check who calls, then make a body without Content-Length readable.

        Many clients send JSON chunked (RFC 9112 §7.1), and Django takes that for no body at all.
        """
        super().initial(request, *args, **kwargs)
        meta = request.META
        chunked = "chunked" in meta.get("HTTP_TRANSFER_ENCODING", "").lower()
        # The server has to say that it ends the stream: another one's read would never return
        if chunked and not meta.get("CONTENT_LENGTH") and meta.get("wsgi.input_terminated"):
            body = meta["wsgi.input"].read(BODY_LIMIT + 1)
            meta["CONTENT_LENGTH"] = str(len(body))
            request._request._stream = BytesIO(body)


class NoSuchCall(APIView):
    """Any method at an unknown address: 404, in the API's own words."""

    authentication_classes = ()
    permission_classes = ()

    def initial(self, request: Request, *args: Any, **kwargs: Any) -> NoReturn:
        """Nothing is here, whoever asks."""
        raise Http404
