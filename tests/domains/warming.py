"""An IP in the middle of its warm-up, which a blocklist has found: all that its page can show."""

from datetime import timedelta

from django.utils import timezone

from domains import pools, warmup, warmup_plan
from domains.models import EgressSource, Listing, SourceEvent, WarmupDay
from domains.source_states import Why, move
from tokens.models import Account


def make_warming(account: Account) -> EgressSource:
    """The account's newest IP, with twelve days behind it at two providers."""
    now = timezone.now()
    source = EgressSource.objects.create(
        account=account,
        address="127.0.0.71",
        ehlo_name="mail3.shop.example",
        state="ready",
        warm_up=True,
        checked_at=now,
    )
    pools.add(pools.dedicated_pool(account), source)
    move(source.pk, SourceEvent.FIRST_MAIL)
    for provider, start in (("google", 12), ("microsoft", 5)):
        for ago in range(start, -1, -1):
            row = warmup.open_day(source.pk, provider, warmup.today() - timedelta(days=ago))
            sent = (row.cap or 0) if ago else (row.cap or 0) // 3
            late = sent // 10 if (provider, ago) == ("google", 4) else 0
            used = {"taken": sent, "sent": sent - late, "deferred": late}
            WarmupDay.objects.filter(pk=row.pk).update(**used)
    WarmupDay.objects.create(
        source=source, provider=warmup_plan.OTHER, day=warmup.today(), cap=None, code="target"
    )
    Listing.objects.create(
        code="spamcop", subject=source.address, state="listed", words="SpamCop", since=now,
        checked_at=now, next_at=now,
    )  # fmt: skip
    Listing.objects.create(
        code="psbl", subject=source.address, state="unknown", why="declined", checked_at=now,
        next_at=now,
    )  # fmt: skip
    move(source.pk, SourceEvent.PAUSED, Why(by="alice@shop.example"))
    move(source.pk, SourceEvent.RESUMED, Why(by="alice@shop.example"))
    move(source.pk, SourceEvent.LISTED, Why("listed", {"lists": "SpamCop"}))
    source.refresh_from_db()
    return source
