"""The alarms that we ship ask for metrics that there are."""

import re

import pytest
import yaml
from django.conf import settings
from django.utils import timezone

from config import metrics, pulse, urls
from tests.cast import Cast
from tests.transactional.queue.rows import queue, streams
from transactional import retention

RULES = settings.BASE_DIR / "deploy" / "prometheus"


@pytest.mark.django_db
def test_every_alarm_and_every_documented_metric_is_one_that_is_told(cast: Cast) -> None:
    pulse.ran("transactional.sweep", seconds=0.1, well=True)
    pulse.sign("web")
    queue(cast.account, streams(cast.account, 1)[0], 1)
    retention.drop_old(timezone.now())
    assert urls.urlpatterns  # which the sources of metrics are registered with
    told = {f"postino_{one.name}" for one in metrics.collect()}
    rules = yaml.safe_load((RULES / "postino.rules.yml").read_text())["groups"][0]["rules"]
    asked = {name for rule in rules for name in re.findall(r"postino_\w+", rule["expr"])}
    assert len(rules) >= 15
    assert asked <= told
    page = (settings.BASE_DIR / "docs" / "operations.md").read_text().partition("## Metrics")[2]
    table = page.partition("\n## ")[0]
    cells = [line.split("|")[1] for line in table.splitlines() if line.startswith("| `")]
    named = {name for cell in cells for name in re.findall(r"`(\w+)", cell)}
    assert {f"postino_{name}" for name in named} == told
    scrape = yaml.safe_load((RULES / "prometheus.yml").read_text())
    assert scrape["scrape_configs"][0]["metrics_path"] == "/metrics"
