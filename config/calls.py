"""API calls: the addresses they answer at, and what is at those that lead nowhere."""

from collections.abc import Callable
from typing import Any, NoReturn

from django.http import Http404
from django.urls import URLPattern, path
from rest_framework.request import Request
from rest_framework.views import APIView


def call(address: str, view: Callable[..., Any], name: str = "") -> list[URLPattern]:
    """Both forms of an address, with and without the final slash; neither redirects."""
    return [path(address, view, name=name or None), path(f"{address}/", view)]


class NoSuchCall(APIView):
    """Any method at an unknown address: 404, in the API's own words."""

    authentication_classes = ()
    permission_classes = ()

    def initial(self, request: Request, *args: Any, **kwargs: Any) -> NoReturn:
        """Nothing is here, whoever asks."""
        raise Http404
