"""RFC 7208's public test-suite, through our evaluator and a real DNS server."""

from pathlib import Path
from typing import Any

import pytest
import yaml
from dns.name import from_text

from domains import dns, spf
from tests.dns_server import DnsServer

SUITE = Path(__file__).parents[1] / "fixtures" / "spf" / "rfc7208-tests.yml"
SCENARIOS: list[dict[str, Any]] = list(yaml.safe_load_all(SUITE.read_text()))


def _quoted(text: str) -> str:
    octets = text.encode()
    return '"' + "".join(chr(o) if chr(o).isalnum() else f"\\{o:03d}" for o in octets) + '"'


def _presented(kind: str, value: Any) -> str:
    if kind == "TXT":
        parts = [value] if isinstance(value, str) else value
        return " ".join(_quoted(part) for part in parts) or '""'
    if kind == "MX":
        return f"{value[0]} {value[1].removesuffix('.')}."
    return f"{value.removesuffix('.')}." if kind in ("PTR", "CNAME") else str(value)


def publish(server: DnsServer, name: str, rows: list[Any]) -> None:
    """One name of a scenario. SPF stands for TXT where the name has no TXT of its own."""
    # As the server writes a name: what is no letter or digit may be escaped
    name = from_text(name.lower().replace("\\", "\\\\")).to_text(omit_final_dot=True)
    listed: dict[str, list[str]] = {}
    pairs = [pair for row in rows if isinstance(row, dict) for pair in row.items()]
    own_txt = any(kind == "TXT" for kind, _ in pairs)
    for kind, value in pairs:
        if kind == "SPF" and own_txt:
            continue
        kind = "TXT" if kind == "SPF" else kind
        if value == "TIMEOUT":
            server.fail(name, kind)
        elif value != "NONE":
            listed.setdefault(kind, []).append(_presented(kind, value))
    if "TIMEOUT" in rows:
        for kind in {"TXT", "A", "AAAA", "MX", "PTR"} - set(listed):
            server.fail(name, kind)
    server.zone.names[name] = {kind: tuple(values) for kind, values in listed.items()}


def test_the_suite_is_whole() -> None:
    assert len(SCENARIOS) == 16
    assert sum(len(scenario["tests"]) for scenario in SCENARIOS) > 150


@pytest.mark.parametrize("scenario", SCENARIOS, ids=lambda s: s["description"].replace(" ", "-"))
def test_scenario(dns_server: DnsServer, scenario: dict[str, Any]) -> None:
    for name, rows in scenario["zonedata"].items():
        publish(dns_server, name, rows)
    wrong = {}
    for test, case in scenario["tests"].items():
        asked = spf.evaluate(
            str(case["host"]), sender=case.get("mailfrom") or "", helo=case["helo"]
        )
        verdict = dns.run(asked)
        allowed = case["result"] if isinstance(case["result"], list) else [case["result"]]
        told = case.get("explanation", "DEFAULT")
        if verdict.result not in allowed or told not in ("DEFAULT", verdict.explanation):
            wrong[test] = (verdict, allowed, told)
    assert wrong == {}
