"""The page of the account's audit log, for its owners."""

from urllib.parse import urlencode

from django.http import HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_safe

from tokens import audit
from tokens.audit import Filters
from tokens.audit_words_table import GROUPS, SENTENCES
from tokens.models import AuditEntry, Role
from tokens.web import AccountRequest, account_page

PAGE = 50


class _Words(dict[str, object]):
    """What a sentence may name; what the entry does not hold is a dash, not an error."""

    def __missing__(self, key: str) -> str:
        return "–"


def sentence(entry: AuditEntry) -> str:
    """The act in words, or its code where nobody gave it any."""
    words = SENTENCES.get(entry.what)
    if words is None:
        return f"{entry.what} {entry.name}".strip()
    data = entry.data if isinstance(entry.data, dict) else {}
    return str(words) % _Words(data, name=entry.name)


def _line(text: str, limit: int) -> str:
    """A value of the query string that PostgreSQL can compare with."""
    return text.replace("\0", "").encode("utf-8", "replace").decode().strip()[:limit]


def _filters(request: AccountRequest) -> Filters:
    what = request.GET.get("what", "")
    return Filters(
        what=what if what in GROUPS else "",
        by=_line(request.GET.get("by", ""), 254),
        target=_line(request.GET.get("target", ""), 64),
    )


@require_safe
@account_page(Role.OWNER)
def audit_log(request: AccountRequest) -> HttpResponse:
    """Who published, approved, rolled out and changed what; newest first."""
    filters = _filters(request)
    asked = request.GET.get("before", "")
    before = int(asked) if asked.isascii() and asked.isdigit() and len(asked) < 19 else None
    rows = audit.page(request.account, filters, before=before, limit=PAGE + 1)
    kept = {"what": filters.what, "by": filters.by, "target": filters.target}
    kept = {name: value for name, value in kept.items() if value}
    context = {
        "rows": [{"entry": one, "says": sentence(one), "why": _why(one)} for one in rows[:PAGE]],
        "groups": [
            {
                "word": word,
                "current": prefix == filters.what,
                "query": "?" + urlencode({**kept, "what": prefix}),
            }
            for prefix, word in GROUPS.items()
        ],
        "filters": filters,
        "narrowed": bool(kept),
        "paged": before is not None,
        "newest": "?" + urlencode(kept),
        "older": "?" + urlencode({**kept, "before": rows[PAGE - 1].pk}) if len(rows) > PAGE else "",
    }
    return render(request, "tokens/audit_log.html", context)


def _why(entry: AuditEntry) -> str:
    """The note or reason that was given with it."""
    data = entry.data if isinstance(entry.data, dict) else {}
    return str(data.get("note") or data.get("reason") or "")
