"""Chromium and a live server for the browser tests, which are skipped only without Chromium."""

import os
import threading
from collections.abc import Iterator
from dataclasses import dataclass

import pytest
from django.conf import settings
from django.contrib.auth import BACKEND_SESSION_KEY, HASH_SESSION_KEY, SESSION_KEY
from django.contrib.sessions.backends.db import SessionStore
from django.core.signals import request_finished, request_started
from playwright.sync_api import Browser, BrowserContext, expect, sync_playwright

from bench.chromium import CHROMIUM, WANTED, launch
from tokens.models import User

PATIENCE = 60_000  # milliseconds until what is waited for does not come: a machine may be busy
expect.set_options(timeout=PATIENCE)
# Playwright's synchronous face runs a loop in this thread, which Django's ORM would refuse to share
os.environ.setdefault("DJANGO_ALLOW_ASYNC_UNSAFE", "1")


@pytest.fixture(scope="package")  # and no longer: no test after it could run a loop of its own
def chromium() -> Iterator[Browser]:
    if CHROMIUM is None:
        pytest.skip(WANTED)
    with sync_playwright() as playwright:
        browser = launch(playwright)
        yield browser
        browser.close()


@dataclass(frozen=True)
class Visitor:
    """Opens browsers at the live server, signed in without walking through the form."""

    browser: Browser
    origin: str

    def context(self, user: User | None = None, **options: object) -> BrowserContext:
        # Each option has a type of its own, which `object` is not
        context = self.browser.new_context(base_url=self.origin, **options)  # type: ignore[arg-type]
        context.set_default_timeout(PATIENCE)
        if user is not None:
            context.add_cookies(
                [
                    {
                        "name": settings.SESSION_COOKIE_NAME,
                        "value": _session(user),
                        "url": self.origin,
                    }
                ]
            )
        return context


def _session(user: User) -> str:
    session = SessionStore()
    session[SESSION_KEY] = str(user.pk)
    session[BACKEND_SESSION_KEY] = "django.contrib.auth.backends.ModelBackend"
    session[HASH_SESSION_KEY] = user.get_session_auth_hash()
    session.save()
    return str(session.session_key)


class Answering:
    """How many requests the live server is at."""

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._open = 0

    def began(self, **_: object) -> None:
        with self._changed:
            self._open += 1

    def ended(self, **_: object) -> None:
        with self._changed:
            self._open -= 1
            self._changed.notify_all()

    def settle(self) -> None:
        """Wait until it has answered what browsers asked for that are gone."""
        with self._changed:
            self._changed.wait_for(lambda: self._open <= 0, PATIENCE / 1000)


@pytest.fixture
def visitor(
    chromium: Browser, live_server: object, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Visitor]:
    # The live server speaks plain HTTP
    monkeypatch.setattr(settings, "SESSION_COOKIE_SECURE", False)
    monkeypatch.setattr(settings, "CSRF_COOKIE_SECURE", False)
    answering = Answering()
    request_started.connect(answering.began)
    request_finished.connect(answering.ended)
    # pytest-django's fixture, whose class is not public
    yield Visitor(chromium, live_server.url)  # type: ignore[attr-defined]
    # Before the database is emptied: an answer that writes would stand in the way, or write after it
    answering.settle()
    request_started.disconnect(answering.began)
    request_finished.disconnect(answering.ended)
