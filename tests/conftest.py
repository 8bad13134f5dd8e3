"""Fixtures of all tests: the cast, and a DNS server."""

from tests.cast import _fresh_facts, account, alice, bob, cast, charlie, signed_in
from tests.dns_server import dns_server

__all__ = ["_fresh_facts", "account", "alice", "bob", "cast", "charlie", "dns_server", "signed_in"]
