"""`python -m bench.lanes`: how long urgent mail takes while a bulk send drains.

A whole installation with 200,000 bulk messages of one account in the queue; urgent ones of another come by SMTP, RATE a
second, until the bulk send has drained (or after MINUTES). Time is from acceptance to the receiving server's 250, as the event log has
it; the books balance when every urgent message was delivered once.
"""

import argparse
import os
import smtplib
import ssl
import sys
import time
from collections.abc import Sequence

from bench import message
from bench.claims import identifiers
from bench.installation import Broken, Installation

BULK = 200_000
RATE = 5.0  # urgent messages a second
MINUTES = 10.0  # after which no more urgent mail is sent, whatever bulk mail is left
LIMIT = 1000  # milliseconds, of the 99th percentile
_SITES, _BULK_LANE = 50, 2
_LOOK = 5.0  # seconds between two looks at what is left
_STALLED = 60.0  # seconds for the last of them


def queue_bulk(place: Installation, rows: int) -> None:
    """Queue so many small messages of the bench's account in the bulk lane, to 50 domains."""
    queue(place, rows, [f"bulk{n}.example" for n in range(_SITES)], lane=_BULK_LANE)


def stream_and_account(place: Installation) -> tuple[int, int]:
    """The transactional stream of the bench's account, and the account."""
    found = place.database.execute(
        "SELECT id, account_id FROM transactional_stream WHERE kind = 'transactional' ORDER BY id LIMIT 1"
    ).fetchone()
    if found is None:
        raise Broken("there is no stream")
    return int(found[0]), int(found[1])


def queue(place: Installation, rows: int, domains: Sequence[str], *, lane: int) -> None:
    """Queue so many small messages of the bench's account at once, to these domains in turns."""
    raw = f"From: {message.FROM}\r\nSubject: News\r\nMIME-Version: 1.0\r\n\r\nHello\r\n"
    recipient, each = identifiers(rows, 1), identifiers(rows, 2)
    stream, account = stream_and_account(place)
    values = {"n": rows, "stream": stream, "account": account, "raw": raw.encode()}
    values |= {"from": message.FROM, "domain": message.DOMAIN, "lane": lane}
    values |= {"domains": list(domains)}
    every = "generate_series(0, %(n)s::bigint - 1) AS i"
    to = f"(%(domains)s::text[])[1 + i %% {len(domains)}]"
    for statement in (
        "INSERT INTO transactional_message (id, account_id, stream_id, kind, source, credential,"
        " from_address, from_domain, subject, message_id, size, refusal, refusal_text, created_at)"
        f" SELECT {each}, %(account)s, %(stream)s, 'transactional', 'api', 'api:1', %(from)s,"
        f" %(domain)s, 'News', i || '@b.example', 100, '', '', now() FROM {every}",
        f"INSERT INTO transactional_body (id, raw) SELECT {each}, %(raw)s FROM {every}",
        "INSERT INTO transactional_recipient (id, message_id, account_id, address, kind, status,"
        f" status_at, attempts, reply) SELECT {recipient}, {each}, %(account)s,"
        f" 'u' || i || '@' || {to}, 'to', 'queued', now(), 0, '' FROM {every}",
        "INSERT INTO transactional_queuerow (id, message_id, account_id, stream_id, lane, domain,"
        f" attempt, due_at, deliver_by, resent, crashes) SELECT {recipient}, {each}, %(account)s,"
        f" %(stream)s, %(lane)s, {to}, 0, now(), now() + interval '1 day', false, 0 FROM {every}",
    ):
        place.database.execute(statement, values)


def send_urgent(place: Installation, *, rate: float, minutes: float, least: int) -> int:
    """Hand in urgent messages at a steady rate while bulk mail drains; how many were.

    `least`: so many in any case.
    """
    given, sender = place.cast["other"], f"codes@{message.OTHER_DOMAIN}"
    context = ssl.create_default_context()
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    began = looked = time.monotonic()
    number = 0
    with smtplib.SMTP("127.0.0.1", place.ports["SMTP_PORT"], timeout=30) as session:
        session.starttls(context=context)
        session.login(given["username"], given["password"])
        while number < least or time.monotonic() - began < 60 * minutes:
            head = f"From: {sender}\r\nSubject: Code {number}\r\nX-Postino-Lane: urgent\r\n"
            session.sendmail(sender, [f"u{number}@code.example"], f"{head}\r\n123456\r\n")
            number += 1
            time.sleep(max(0.0, began + number / rate - time.monotonic()))
            if number >= least and time.monotonic() - looked > _LOOK:
                looked = time.monotonic()
                if place.queued() < _DRAINED:
                    break
    return number


_DRAINED = 500  # rows below which the send counts as drained: the last ones are under way


def waits(place: Installation) -> list[float]:
    """Milliseconds from acceptance to delivery of each urgent message so far, in order."""
    rows = place.database.execute(
        "SELECT extract(epoch FROM e.at - m.created_at) * 1000 FROM transactional_event e"
        " JOIN transactional_message m ON m.id = e.message_id"
        " WHERE e.type = 'delivered' AND m.source = 'smtp'"
    ).fetchall()
    return sorted(float(row[0]) for row in rows)


def main() -> None:
    """Read the arguments, measure, print."""
    parser = argparse.ArgumentParser(prog="python -m bench.lanes", description=__doc__)
    parser.add_argument("--bulk", type=int, default=BULK)
    parser.add_argument("--rate", type=float, default=RATE, help="urgent messages a second")
    parser.add_argument("--minutes", type=float, default=MINUTES)
    parser.add_argument("--least", type=int, default=50, help="urgent messages in any case")
    asked = parser.parse_args()
    with Installation() as place:
        print(f"{os.cpu_count()} cores; load average {os.getloadavg()[0]:.1f} at the start")
        queue_bulk(place, asked.bulk)
        began, before = time.monotonic(), place.queued()
        spent = place.meter.read()
        sent = send_urgent(place, rate=asked.rate, minutes=asked.minutes, least=asked.least)
        left, took = place.queued(), time.monotonic() - began
        used = place.meter.read()
        used.subtract(spent)
        limit = time.monotonic() + _STALLED
        while len(found := waits(place)) < sent:
            if time.monotonic() > limit:
                sys.exit(f"{len(found)} of {sent} urgent messages were delivered")
            time.sleep(0.1)
        if len(found) > sent:
            sys.exit(f"{len(found)} deliveries of {sent} urgent messages")
    print(f"{sent} urgent messages beside {asked.bulk:,} bulk ones, {left:,} of them left")
    print(
        f"bulk meanwhile: {(before - left) / took:.0f}/s, {sum(used.values()) / took:.2f} cores used"
    )
    p50, p99 = found[len(found) // 2], found[min(len(found) - 1, int(len(found) * 0.99))]
    print(
        f"accepted → delivered, urgent: p50 {p50:.0f} ms, p99 {p99:.0f} ms, worst {found[-1]:.0f} ms"
    )
    print(f"p99 is {'within' if p99 <= LIMIT else 'BEYOND'} the limit of {LIMIT} ms")


if __name__ == "__main__":
    main()
