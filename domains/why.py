"""The only place that says, in one sentence, why no IP can be used: for refusals and deferrals.

In English, as all that the pipeline says and keeps; `told` says it again in the reader's language.
"""

import re
from collections.abc import Iterable, Sequence
from functools import cache

from django.utils import translation
from django.utils.translation import gettext, gettext_noop

from config.sentences import pattern
from domains import hosts, pools
from domains.findings import OK, sentence_of
from domains.models import EgressSource, PoolMember, SourceChange, SourceEvent, SourceState
from domains.sentences_table import SENTENCES, tell

N = gettext_noop
SHOWN = 3  # IPs named in one sentence
NONE_CONNECTED = N("it has none: connect one under Domains & IPs")
NOT_HERE = N("this host does not have them")
SILENT = N("%(ips)s, which does not report")
PAUSED = N("%(address)s is paused")
LISTED = N("%(address)s is on a blocklist (%(lists)s)")
NO_SHARE = N("%(address)s is ready, but no pool gives it a share")
NOT_CHECKED = N("%(address)s has not been checked yet")
WAITS = N("%(address)s waits for DNS: %(finding)s")
MORE = N("and %(more)s more")
ON_HOST = N("%(address)s is on %(host)s")
_PARTS = re.compile(r"; (?=and \d+ more$|[0-9a-fA-F:.]+ (?:is|has|waits) )")


def of_accounts(account_ids: Iterable[int]) -> dict[int, str]:
    """For each account without a ready dedicated IP, what its IPs wait for."""
    sources: dict[int, list[EgressSource]] = {pk: [] for pk in account_ids}
    rows = EgressSource.objects.filter(account_id__in=list(sources)).order_by("pk")
    for source in rows:
        sources[source.account_id].append(source)
    return {pk: _together(found) for pk, found in sources.items()}


def of_pool(pool_id: int) -> str:
    """What the IPs of a pool wait for, or that their machine is silent; as this machine sees it."""
    usable = pools.usable(pool_id)
    if usable:
        silent = hosts.silent(usable)
        return SILENT % {"ips": silent} if silent else NOT_HERE
    members = PoolMember.objects.filter(pool_id=pool_id).select_related("source")
    found = [member.source for member in members.order_by("source_id") if member.weight]
    if not found:
        owner = EgressSource.objects.filter(account__pools=pool_id)
        found = list(owner.order_by("pk")[: SHOWN + 1])
    return _together(found)


def _together(sources: Sequence[EgressSource]) -> str:
    if not sources:
        return NONE_CONNECTED
    said = "; ".join(of_source(source) for source in sources[:SHOWN])
    more = len(sources) - SHOWN
    return f"{said}; {MORE % {'more': more}}" if more > 0 else said


def of_source(source: EgressSource) -> str:
    """Why mail does not leave from this IP: what it waits for, or who stopped it."""
    said = {"address": source.address}
    if source.state == SourceState.PAUSED:
        return PAUSED % said
    if source.state == SourceState.LISTED:
        changes = SourceChange.objects.filter(source=source, event=SourceEvent.LISTED)
        last = changes.order_by("-pk").first()
        return LISTED % {**said, "lists": last.data.get("lists", "") if last else ""}
    if source.usable:
        return NO_SHARE % said
    wrong = next((f for f in source.findings if f["status"] != OK and f["code"] != "ok"), None)
    if wrong is None:
        return NOT_CHECKED % said
    with translation.override("en"):
        return WAITS % {**said, "finding": sentence_of(wrong).rstrip(".")}


def told(text: str) -> str:
    """What this module said, in the reader's language; what it did not say stays as it is."""
    return "; ".join(_told(part) for part in _PARTS.split(text))


def _told(part: str) -> str:
    for sentence in (
        NONE_CONNECTED, NOT_HERE, SILENT, PAUSED, LISTED, NO_SHARE, NOT_CHECKED, WAITS, MORE,
    ):  # fmt: skip
        found = pattern(sentence).fullmatch(part)
        if found is None:
            continue
        values = found.groupdict()
        if "finding" in values:
            values["finding"] = _finding(values["finding"])
        if "ips" in values:
            values["ips"] = ", ".join(_on_host(one) for one in values["ips"].split(", "))
        return gettext(sentence) % values if values else gettext(sentence)
    return part


def _on_host(said: str) -> str:
    found = pattern(ON_HOST).fullmatch(said)
    return said if found is None else gettext(ON_HOST) % found.groupdict()


@cache
def _findings() -> tuple[tuple[re.Pattern[str], str], ...]:
    """What recognises each finding's sentence, those that say most in words of their own first."""
    with translation.override("en"):
        known = [(str(sentence).rstrip("."), code) for code, sentence in SENTENCES.items()]
    known.sort(key=lambda one: -len(re.sub(r"%\(\w+\)s", "", one[0])))
    return tuple((pattern(sentence), code) for sentence, code in known)


def _finding(said: str) -> str:
    for known, code in _findings():
        found = known.fullmatch(said)
        if found is not None:
            return tell(code, found.groupdict()).rstrip(".")
    return said
