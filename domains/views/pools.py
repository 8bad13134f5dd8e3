"""The page of pools: which IPs share an account's mail, and how much of it each takes."""

from django.contrib import messages
from django.db.models import Prefetch, QuerySet
from django.http import HttpResponseBase
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST, require_safe

from domains import pools
from domains.models import Pool, PoolMember
from domains.views.rows import state_pill
from tokens.models import Role
from tokens.web import AccountRequest, account_page

HEAVIEST = 100  # the largest share that can be given


@require_safe
@account_page(Role.VIEWER)
def overview(request: AccountRequest) -> HttpResponseBase:
    """The account's pools with their IPs, and what the shared one is for."""
    pools.dedicated_pool(request.account)
    context = {
        "pools": [_shown(pool) for pool in _pools(request)],
        "heaviest": HEAVIEST,
        "may_change": request.may(Role.DEVELOPER),
    }
    return render(request, "domains/pools.html", context)


@require_POST
@account_page(Role.DEVELOPER)
def shares(request: AccountRequest, pool_id: int) -> HttpResponseBase:
    """Set how much of a pool's mail each IP takes; all of them or none."""
    pool = get_object_or_404(_pools(request), pk=pool_id)
    members = list(pool.members.all())
    asked: dict[int, int] = {}
    for member in members:
        text = request.POST.get(f"share-{member.pk}", "").strip()
        if not (text.isascii() and text.isdigit() and len(text) < 4 and int(text) <= HEAVIEST):
            wrong = _("A share is a whole number from 0 to %(most)s: nothing was changed.")
            messages.error(request, wrong % {"most": HEAVIEST})
            return redirect("pools", request.account.pk)
        asked[member.pk] = int(text)
    if members and not any(asked.values()):
        messages.error(request, _("At least one IP must have a share: nothing was changed."))
        return redirect("pools", request.account.pk)
    for member in members:
        PoolMember.objects.filter(pk=member.pk).update(weight=asked[member.pk])
    pools.forget()
    messages.success(request, _("The shares are saved."))
    return redirect("pools", request.account.pk)


def _pools(request: AccountRequest) -> "QuerySet[Pool]":
    members = PoolMember.objects.select_related("source").order_by("source_id")
    rows: QuerySet[Pool] = Pool.objects.of(request.account).order_by("pk")
    return rows.prefetch_related(Prefetch("members", queryset=members))


def _shown(pool: Pool) -> dict[str, object]:
    members = list(pool.members.all())
    total = sum(member.weight for member in members if member.source.usable)
    return {
        "pool": pool,
        "members": [
            {
                "member": member,
                "pill": state_pill(member.source),
                "part": round(100 * member.weight / total) if total and member.source.usable else 0,
            }
            for member in members
        ],
    }
