"""Event webhooks: every event POSTed, signed, to the endpoints that want it, at least once.

schedule (pure), signature, payload, outbox (from the event log to deliveries), deliveries (the table
that is their queue), engine (the process that posts), endpoints (what people do with them), replays.
"""
