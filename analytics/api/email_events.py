"""HubSpot's events feed (`/email/public/v1/events`): what is asked for, read and refused."""

import base64
import binascii
import uuid
from datetime import UTC, datetime, timedelta

from django.http import Http404
from rest_framework.request import Request
from rest_framework.response import Response

from analytics import event_feed
from analytics.api.email_event_view import view
from analytics.event_feed import Asked, Key
from config.calls import Call
from config.paging import MAX_ID, number
from config.rest import Fault, invalid
from config.v1 import APP_ID, milliseconds
from tokens.web import caller
from transactional.wire.address import AddressError, parse_address

PAGE, LONGEST_PAGE = 10, 1000  # the contract's
LATEST = 253_370_764_800_000  # ms; the year 9999, which is as far as dates go
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


class FeedCall(Call):
    """A call that needs `content`, as there; a key that sends may follow its mail, too."""

    scopes = frozenset({"content", "transactional-email"})


class EmailEvents(FeedCall):
    """The account's events."""

    def get(self, request: Request) -> Response:
        """A page of them, newest first. Raises CallRefused with every fault."""
        query = Query(request)
        asked, app_id = query.asked(), query.whole("appId")
        query.refuse_faults()
        if app_id not in (None, APP_ID):
            return Response({"hasMore": False, "offset": "", "events": []})
        page = event_feed.page(caller(request).account_id, asked)
        return Response(
            {
                "hasMore": page.more,
                "offset": _written(page.last) if page.last else "",
                "events": [view(one) for one in page.events],
            }
        )


class EmailEvent(FeedCall):
    """One event."""

    def get(self, request: Request, created: str, event_id: str) -> Response:
        """The event that another names by `created` and `id`."""
        try:
            wanted = uuid.UUID(event_id)
        except ValueError:
            raise Http404 from None
        found = event_feed.one(caller(request).account_id, wanted)
        if found is None or str(milliseconds(found.row.at)) != created:
            raise Http404
        return Response(view(found))


class Query:
    """Reads a query string, collecting what is wrong with it."""

    def __init__(self, request: Request) -> None:
        self.values = request.query_params
        self.faults: list[Fault] = []

    def asked(self) -> Asked:
        """What the page is to hold."""
        start, end = self.moment("startTimestamp"), self.moment("endTimestamp")
        campaign_id, limit = self.whole("campaignId"), self.whole("limit", most=LONGEST_PAGE)
        return Asked(
            types=self.types(),
            addresses=self.addresses(),
            campaign_id=campaign_id,
            unfiltered=self.truth("excludeFilteredEvents"),
            after=self.offset(),
            limit=limit or PAGE,
            **({} if start is None else {"since": start}),
            **({} if end is None else {"until": end + timedelta(milliseconds=1)}),
        )

    def fault(self, name: str, words: str) -> None:
        """Note what is wrong with a parameter."""
        self.faults.append(Fault(f"{name} {words}", name, "INVALID_VALUE"))

    def whole(self, name: str, *, most: int = MAX_ID) -> int | None:
        """A positive whole number; None where it is absent or wrong."""
        text = self.values.get(name, "")
        found = number(text, most=most)
        if text and found is None:
            self.fault(name, f"must be a whole number of 1 to {most}")
        return found

    def moment(self, name: str) -> datetime | None:
        """Milliseconds since 1970; None where they are absent or wrong."""
        text = self.values.get(name, "")
        if not text:
            return None
        if text.isascii() and text.isdigit() and len(text) < 16 and int(text) <= LATEST:
            return _EPOCH + timedelta(milliseconds=int(text))
        self.fault(name, f"must be milliseconds since 1970, of 0 to {LATEST}")
        return None

    def truth(self, name: str) -> bool:
        """A boolean, false unless given."""
        text = self.values.get(name, "").lower()
        if text not in ("", "true", "false"):
            self.fault(name, "must be true or false")
        return text == "true"

    def types(self) -> tuple[str, ...]:
        """The one type that was asked for, as it is spelled; otherwise all."""
        text = self.values.get("eventType", "")
        if text and text not in event_feed.PARTS and text not in event_feed.NEVER:
            known = sorted({*event_feed.PARTS, *event_feed.NEVER})
            self.fault("eventType", f"must be one of {', '.join(known)}, in capitals")
        return (text,) if text else tuple(event_feed.PARTS)

    def addresses(self) -> tuple[str, ...]:
        """The recipient, in the forms in which the log may hold it."""
        text = self.values.get("recipient", "").strip()
        if not text:
            return ()
        try:
            spec = parse_address(text).spec
        except AddressError:
            self.fault("recipient", "must be an email address, such as anna@example.com")
            return ()
        return tuple({spec, spec.lower()})

    def offset(self) -> Key | None:
        """Where the page before ended."""
        text = self.values.get("offset", "")
        if not text:
            return None
        key = _read(text)
        if key is None:
            self.fault("offset", "must be what the page before gave as offset")
        return key

    def refuse_faults(self) -> None:
        """Raises CallRefused where anything was wrong."""
        if self.faults:
            raise invalid(self.faults)


def _written(key: Key) -> str:
    """A key as a text that goes into a URL as it is."""
    micros = (key.at - _EPOCH) // timedelta(microseconds=1)
    octets = micros.to_bytes(8, "big", signed=True) + key.id.bytes + bytes([key.part])
    return base64.urlsafe_b64encode(octets).decode().rstrip("=")


def _read(text: str) -> Key | None:
    """The key that `_written` wrote; None for anything else."""
    if not text.isascii() or len(text) > 40:
        return None
    try:
        octets = base64.b64decode(text + "=" * (-len(text) % 4), altchars="-_", validate=True)
    except (binascii.Error, ValueError):
        return None
    micros = int.from_bytes(octets[:8], "big", signed=True)
    if len(octets) != 25 or not 0 <= micros <= LATEST * 1000 or octets[24] > 1:
        return None
    at = _EPOCH + timedelta(microseconds=micros)
    return Key(at, uuid.UUID(bytes=octets[8:24]), octets[24])
