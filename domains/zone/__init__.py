"""The only place that answers DNS: for the operator's zone (`dnsd`) and for the sandbox's."""

from domains.zone.answer import Types, Zone, answer, respond
from domains.zone.server import Listening, Source, open_server

__all__ = ["Listening", "Source", "Types", "Zone", "answer", "open_server", "respond"]
