"""Fixtures of all tests: the cast."""

from tests.cast import _fresh_facts, account, alice, bob, cast, charlie, signed_in

__all__ = ["_fresh_facts", "account", "alice", "bob", "cast", "charlie", "signed_in"]
