"""`python -m bench.editor_cast N`: a member with a session, and an email of N blocks, made by the
product's own services. Joins the installation named by DATA_DIR; prints one line of JSON.
"""

import json
import os
import sys
from typing import Any

import django

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")
django.setup()

from django.conf import settings  # noqa: E402 — Django first
from django.contrib.auth import (  # noqa: E402
    BACKEND_SESSION_KEY,
    HASH_SESSION_KEY,
    SESSION_KEY,
)
from django.contrib.sessions.backends.db import SessionStore  # noqa: E402

from tokens.models import Account, Membership, Role, User  # noqa: E402
from transactional.compose import drafts  # noqa: E402

SECTION = 8  # blocks of one
KINDS: tuple[dict[str, Any], ...] = (
    {"type": "heading", "props": {"html": "What you bought", "level": 2}},
    {
        "type": "text",
        "props": {
            "html": "<p>Hello <strong>{{ contact.firstname }}</strong>, "
            '<a href="https://shop.example/o">here</a> is what was said and what was sent.</p>'
        },
    },
    {
        "type": "items",
        "props": {
            "path": "custom.items",
            "columns": [
                {"label": "Item", "value": "{{ item.name }}"},
                {"label": "Price", "value": "{{ item.price }}", "align": "right"},
            ],
        },
    },
    {"type": "button", "props": {"label": "Open", "url": "https://shop.example/"}},
    {"type": "summary", "props": {"rows": [{"label": "Total", "value": "{{ custom.total }}"}]}},
)


def document(count: int) -> dict[str, Any]:
    """Blocks of every common kind, in sections as people make them."""
    blocks = [{"id": f"b{at}", **KINDS[at % len(KINDS)]} for at in range(count)]
    sections = [
        {"id": f"s{at}", "columns": [1], "blocks": [blocks[at : at + SECTION]]}
        for at in range(0, count, SECTION)
    ]
    return {"version": 1, "settings": {}, "sections": sections}


def make(count: int) -> dict[str, object]:
    """The session of the account's owner, and the editor's address."""
    account = Account.objects.get(name="Bench")
    user = User.objects.create_user("editor@bench.example", "only for this installation")
    Membership.objects.create(account=account, user=user, role=Role.OWNER)
    session = SessionStore()
    session[SESSION_KEY] = str(user.pk)
    session[BACKEND_SESSION_KEY] = "django.contrib.auth.backends.ModelBackend"
    session[HASH_SESSION_KEY] = user.get_session_auth_hash()
    session.save()
    sample = {
        "contact": {"firstname": "Anna"},
        "custom": {"total": "8.00", "items": [{"name": "Tea", "price": "4.00"}] * 2},
    }
    fields = drafts.DraftFields(
        name="Bench", subject="Bench", sample=sample, document=document(count)
    )
    email = drafts.create(account, fields, by="bench")
    return {
        "cookie": settings.SESSION_COOKIE_NAME,
        "session": session.session_key,
        "path": f"/a/{account.pk}/emails/{email.pk}/compose/",
    }


if __name__ == "__main__":
    print(json.dumps(make(int(sys.argv[1]))), flush=True)
