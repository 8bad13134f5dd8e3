"""Metrics of the whole installation in Prometheus' text format; the registry of what is measured.

Every number is read from what the processes share (the database, Redis, the disk), so whichever web
process is asked gives the same answer. Any porch adds a source:

    @metrics.source
    def queue_rows() -> list[Metric]: ...

A source asks a bounded number of bounded questions, and its labels take few values: no accounts, no
addresses of recipients.
"""

import logging
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

from django.db import Error, connection, transaction

logger = logging.getLogger(__name__)

PREFIX = "postino_"
PATIENCE = "2s"  # what one question of a source may take: a scrape waits ten seconds
CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"

Labels = Mapping[str, str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Metric:
    """A name without PREFIX, its sentence, and its samples; `kind`: gauge or counter."""

    name: str
    text: str
    kind: str = "gauge"
    samples: Sequence[tuple[Labels, float]] = field(default_factory=list)


def one(name: str, text: str, value: float, *, kind: str = "gauge") -> Metric:
    """A metric of one sample without labels."""
    return Metric(name=name, text=text, kind=kind, samples=[({}, value)])


Source = Callable[[], list[Metric]]
_sources: dict[str, Source] = {}


def source(function: Source) -> Source:
    """Register a source that asks the database; one of the same name takes the earlier's place."""
    _sources[function.__name__] = function
    return function


def collect() -> list[Metric]:
    """Everything. What a source cannot say now is left out, and told by `source_up`."""
    found: list[Metric] = []
    up: list[tuple[Labels, float]] = []
    for name in sorted(_sources):
        try:
            with transaction.atomic():
                with connection.cursor() as cursor:
                    cursor.execute(f"SET LOCAL statement_timeout = '{PATIENCE}'")
                found += _sources[name]()
        except Error as err:
            logger.warning("no metrics of %s: %s", name, str(err).strip())
            up.append(({"source": name}, 0))
        else:
            up.append(({"source": name}, 1))
    text = "1: this part of the metrics could be read; 0: its numbers are lacking."
    return [*found, Metric(name="metrics_source_up", text=text, samples=up)]


def render(metrics: Sequence[Metric]) -> str:
    """The text format, version 0.0.4: families in the order given, each with HELP and TYPE."""
    lines: list[str] = []
    for metric in metrics:
        if not metric.samples:
            continue
        name = f"{PREFIX}{metric.name}"
        lines.append(f"# HELP {name} {_escaped(metric.text)}")
        lines.append(f"# TYPE {name} {metric.kind}")
        lines += [f"{name}{_labels(labels)} {_number(value)}" for labels, value in metric.samples]
    return "\n".join(lines) + "\n"


def _labels(labels: Labels) -> str:
    if not labels:
        return ""
    told = ",".join(
        f'{name}="{_escaped(value).replace(chr(34), chr(92) + chr(34))}"'
        for name, value in labels.items()
    )
    return "{" + told + "}"


def _escaped(text: str) -> str:
    return text.replace("\\", "\\\\").replace("\n", "\\n")


def _number(value: float) -> str:
    if math.isnan(value):
        return "NaN"
    if math.isinf(value):
        return "+Inf" if value > 0 else "-Inf"
    return repr(int(value)) if float(value).is_integer() else repr(float(value))
