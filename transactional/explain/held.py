"""The only place that says why mail is held, whether a copy may have arrived, what a release does."""

import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from config.ids import uuid7_floor, uuid7_time
from transactional import held
from transactional.egress.poison import HELD_REPLY, LIMIT
from transactional.explain.held_sentences_table import HAPPENED, KEPT_BY, RELEASED
from transactional.mail_log import SLACK
from transactional.models import DeliveryAttempt, Event, EventType, Recipient
from transactional.wire.reply import Stage

_UNCLEAR = f"{Stage.DOT}: unexpected reply to the dot: "
# What happened just then says by itself what keeps the mail
_SAYS_ALL = frozenset(
    {"unbuilt", "unbuilt_in_doubt", "refused_since", "unreached_since", "time_over"}
)


@dataclass(frozen=True, slots=True, kw_only=True)
class WhyHeld:
    """Why one recipient's mail is held. The codes are stable.

    `kept_by`: what keeps it from being sent again by itself; empty where `code` says it, or nobody
    noted it. `in_doubt`: a copy may have arrived. `release`: `marked`, `anew`, or why it cannot be
    sent again: `barred`, `late`, `gone`. `reply`: the receiver's server's own words, if they are part of it.
    """

    code: str
    kept_by: str = ""
    in_doubt: bool
    release: str
    reply: str = ""
    data: Mapping[str, int] = field(default_factory=dict)

    @property
    def says(self) -> str:
        """What happened, and what keeps it, in the reader's language."""
        kept = KEPT_BY.get(self.kept_by)
        told = [str(HAPPENED[self.code])] + ([str(kept)] if kept is not None else [])
        return " ".join(told) % self.data

    @property
    def releasable(self) -> bool:
        """Whether it can be sent again."""
        return self.release in ("marked", "anew")

    @property
    def on_release(self) -> str:
        """What sending it again would do, or why that cannot be done."""
        return str(RELEASED[self.release])


def why_held(account_id: int, rows: Sequence[Recipient]) -> dict[uuid.UUID, WhyHeld]:
    """For each of the account's recipients that is held; three queries, however many they are."""
    ids = [row.pk for row in rows if row.status in held.HELD]
    if not ids:
        return {}
    found = held.judged(account_id, ids)
    release = {pk: "marked" if pk in found.doubtful else "anew" for pk in found.ready}
    release |= dict.fromkeys(found.late, "late") | dict.fromkeys(found.gone, "gone")
    release |= dict.fromkeys(found.barred, "barred")
    own = [row for row in rows if row.pk in release]
    if not own:  # another account's, or decided about meanwhile
        return {}
    events, tries = _last_events(account_id, own), _last_tries(account_id, own)
    return {
        row.pk: _why(
            row,
            events.get(row.pk, {}),
            tries.get(row.pk),
            release[row.pk],
            in_doubt=row.pk in found.doubtful,
        )
        for row in own
    }


def _near(rows: Sequence[Recipient]) -> dict[str, Any]:
    """Narrows to these recipients, and spares the partitions of earlier months."""
    return {
        "message_id__in": [row.message_id for row in rows],
        "recipient_id__in": [row.pk for row in rows],
        "pk__gte": uuid7_floor(min(uuid7_time(row.pk) for row in rows) - SLACK),
    }


def _last_events(account_id: int, rows: Sequence[Recipient]) -> dict[uuid.UUID, Mapping[str, Any]]:
    """What was noted when each was held last; nothing where the event is past its time."""
    told = Event.objects.of(account_id).filter(type=EventType.HELD, **_near(rows))
    last = told.order_by("recipient_id", "-at", "-pk").distinct("recipient_id")
    found = last.values_list("recipient_id", "data")
    return {pk: data for pk, data in found if isinstance(data, dict)}


def _last_tries(account_id: int, rows: Sequence[Recipient]) -> dict[uuid.UUID, DeliveryAttempt]:
    tries = DeliveryAttempt.objects.of(account_id).filter(**_near(rows)).defer("transcript")
    last = tries.order_by("recipient_id", "-at", "-pk").distinct("recipient_id")
    return {one.recipient_id: one for one in last}


def _why(
    row: Recipient,
    data: Mapping[str, Any],
    last: DeliveryAttempt | None,
    release: str,
    *,
    in_doubt: bool,
) -> WhyHeld:
    if data.get("class") == "poison" or row.reply == HELD_REPLY:
        code = "unbuilt_in_doubt" if in_doubt else "unbuilt"
        crashes = data.get("crashes", LIMIT)
        return WhyHeld(code=code, in_doubt=in_doubt, release=release, data={"crashes": crashes})
    code, reply = _moment(row.reply, data, last)
    because = str(data.get("because", "hold" if code == "process_ended" else ""))
    copies = data.get("copies", 1)
    if because == "copies" and copies < 2:
        because = ""
    return WhyHeld(
        code=code,
        kept_by="" if code in _SAYS_ALL else because,
        in_doubt=True,
        release=release,
        reply=reply,
        data={"copies": copies},
    )


def _moment(said: str, data: Mapping[str, Any], last: DeliveryAttempt | None) -> tuple[str, str]:
    """At which moment it came to a stand, and what of `said` are the other server's words."""
    if data.get("reason"):  # the sweeper's: no answer was ever written down
        return "process_ended", ""
    if said.startswith(_UNCLEAR):
        return "answer_unclear", said.removeprefix(_UNCLEAR)
    if not said or said.startswith(f"{Stage.DOT}: "):
        return "answer_lost", ""
    if last is not None and last.code and last.reply == said:
        return "refused_since", said
    if last is not None and not last.code and said == f"{last.stage}: {last.reply}":
        return "unreached_since", ""
    return "time_over", ""  # our own words: no IP was ready, DNS did not answer, it waited too long
