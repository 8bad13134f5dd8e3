"""`python -m bench.lanes`: how long urgent mail takes while a bulk send drains.

A whole installation with 200,000 bulk messages in the queue; urgent ones come by SMTP, one after the other.
Time is from acceptance to the receiving server's 250, as the event log has it.
"""

import argparse
import os
import smtplib
import ssl
import sys
import time

from bench import message
from bench.claims import identifiers
from bench.installation import Broken, Installation

BULK = 200_000
URGENT = 600
EVERY = 0.1  # seconds between two urgent messages
_STALLED = 60.0  # seconds for the last of them


def queue_bulk(place: Installation, rows: int) -> None:
    """Queue so many small messages of the bench's account in the bulk lane."""
    raw = f"From: {message.FROM}\r\nSubject: News\r\nMIME-Version: 1.0\r\n\r\nHello\r\n"
    recipient, each = identifiers(rows, 1), identifiers(rows, 2)
    found = place.database.execute(
        "SELECT id, account_id FROM transactional_stream WHERE kind = 'transactional' LIMIT 1"
    ).fetchone()
    if found is None:
        raise Broken("there is no stream")
    values = {"n": rows, "stream": found[0], "account": found[1], "raw": raw.encode()}
    values |= {"from": message.FROM, "domain": message.DOMAIN}
    every = "generate_series(0, %(n)s::bigint - 1) AS i"
    for statement in (
        "INSERT INTO transactional_message (id, account_id, stream_id, kind, source, credential,"
        " from_address, from_domain, subject, message_id, size, refusal, refusal_text, created_at)"
        f" SELECT {each}, %(account)s, %(stream)s, 'transactional', 'api', 'api:1', %(from)s,"
        f" %(domain)s, 'News', i || '@b.example', 100, '', '', now() FROM {every}",
        f"INSERT INTO transactional_body (id, raw) SELECT {each}, %(raw)s FROM {every}",
        "INSERT INTO transactional_recipient (id, message_id, account_id, address, kind, status,"
        f" status_at, attempts, reply) SELECT {recipient}, {each}, %(account)s,"
        f" 'u' || i || '@bulk' || i %% 50 || '.example', 'to', 'queued', now(), 0, '' FROM {every}",
        "INSERT INTO transactional_queuerow (id, message_id, account_id, stream_id, lane, domain,"
        f" attempt, due_at, deliver_by, resent, crashes) SELECT {recipient}, {each}, %(account)s,"
        " %(stream)s, 2, 'bulk' || i %% 50 || '.example', 0, now(), now() + interval '1 day', false, 0"
        f" FROM {every}",
    ):
        place.database.execute(statement, values)


def send_urgent(place: Installation, count: int) -> None:
    """Hand in urgent messages, one after the other."""
    given = place.cast["smtp"]
    context = ssl.create_default_context()
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    with smtplib.SMTP("127.0.0.1", place.ports["SMTP_PORT"], timeout=30) as session:
        session.starttls(context=context)
        session.login(given["username"], given["password"])
        for number in range(count):
            head = f"From: {message.FROM}\r\nSubject: Code {number}\r\nX-Postino-Lane: urgent\r\n"
            session.sendmail(message.FROM, [f"u{number}@code.example"], f"{head}\r\n123456\r\n")
            time.sleep(EVERY)


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
    parser.add_argument("--urgent", type=int, default=URGENT)
    asked = parser.parse_args()
    with Installation() as place:
        print(f"{os.cpu_count()} cores; load average {os.getloadavg()[0]:.1f} at the start")
        queue_bulk(place, asked.bulk)
        began, before = time.monotonic(), place.queued()
        send_urgent(place, asked.urgent)
        left, took = place.queued(), time.monotonic() - began
        limit = time.monotonic() + _STALLED
        while len(found := waits(place)) < asked.urgent:
            if time.monotonic() > limit:
                sys.exit(f"{len(found)} of {asked.urgent} urgent messages were delivered")
            time.sleep(0.1)
    print(f"{asked.urgent} urgent messages beside {asked.bulk:,} bulk ones, {left:,} of them left")
    print(f"bulk meanwhile: {(before - left) / took:.0f}/s")
    p50, p99 = found[len(found) // 2], found[min(len(found) - 1, int(len(found) * 0.99))]
    print(
        f"accepted → delivered, urgent: p50 {p50:.0f} ms, p99 {p99:.0f} ms, worst {found[-1]:.0f} ms"
    )


if __name__ == "__main__":
    main()
