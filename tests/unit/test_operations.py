"""docs/operations.md, the alerts and the dashboard name what is really there."""

import json
import re
from collections.abc import Iterator, Mapping
from pathlib import Path

import promql_parser
import pytest
import yaml
from prometheus_client.metrics import MetricWrapperBase

from ktp_postprocessing.reading import FIELD_NAMES
from ktp_server.errors import ERROR_POLICIES
from ktp_server.observability.metrics import Metrics
from ktp_server.observability.record import CANCELLED, OK

DOCS = Path(__file__).parents[2] / "docs"
OPERATIONS = (DOCS / "operations.md").read_text("utf-8")
TARGET_LABELS = {"job", "instance"}
"""Given by Prometheus itself."""

PROCESS_METRICS = {"process_resident_memory_bytes", "process_cpu_seconds_total"}
SUFFIXES = {"counter": ("",), "gauge": ("",), "histogram": ("_bucket", "_sum", "_count")}
KNOWN_VALUES: Mapping[str, set[str]] = {
    "code": {OK, CANCELLED, *(policy.grpc_code for policy in ERROR_POLICIES.values())},
    "reason": {OK, CANCELLED, *ERROR_POLICIES},
    "method": {"RecognizeCard", "RecognizeCards", "AssessQuality"},
    "field": set(FIELD_NAMES),
}


def registered() -> dict[str, tuple[str, tuple[str, ...]]]:
    """Type and labels of each metric, by its name as it is scraped."""
    metrics = {}
    for wrapper in Metrics().registry._collector_to_names:
        if isinstance(wrapper, MetricWrapperBase):
            [family] = wrapper.describe()
            name = family.name + ("_total" if family.type == "counter" else "")
            metrics[name] = (family.type, tuple(wrapper._labelnames))
    return metrics


METRICS = registered()


def alerts() -> dict[str, str]:
    """Expressions by the alerts' names."""
    document = yaml.safe_load((DOCS / "prometheus-alerts.yaml").read_text("utf-8"))
    return {rule["alert"]: rule["expr"] for group in document["groups"] for rule in group["rules"]}


def panels() -> list[dict[str, object]]:
    document = json.loads((DOCS / "grafana-dashboard.json").read_text("utf-8"))
    return [panel for panel in document["panels"] if panel["type"] != "row"]


def queries() -> Iterator[tuple[str, str]]:
    """Title of the panel and expression, with Grafana's variables filled in."""
    for panel in panels():
        targets = panel["targets"]
        assert isinstance(targets, list)
        assert targets
        for target in targets:
            yield str(panel["title"]), target["expr"].replace("$__rate_interval", "5m").replace("$job", "ktp-ocr")


EXPRESSIONS = [*alerts().items(), *queries()]


def scraped_labels(name: str) -> set[str] | None:
    """Labels of a series; None where there is no such series."""
    if name in PROCESS_METRICS:
        return set(TARGET_LABELS)
    for metric, (kind, labels) in METRICS.items():
        for suffix in SUFFIXES[kind]:
            if name == metric + suffix:
                return {*labels, *TARGET_LABELS, *({"le"} if suffix == "_bucket" else ())}
    return None


def selectors_of(expression: str) -> list[promql_parser.VectorSelector]:
    found: list[promql_parser.VectorSelector] = []

    def visit(part: promql_parser.Expr) -> bool:
        if isinstance(part, promql_parser.MatrixSelector):
            found.append(part.vector_selector)
        elif isinstance(part, promql_parser.VectorSelector):
            found.append(part)
        return True

    promql_parser.walk(promql_parser.parse(expression), visit)
    return found


def test_the_table_of_metrics_is_complete_and_true() -> None:
    rows = re.findall(r"^\| `(ktp_ocr_\w+)` \| (\w+) \| ([\w, ]*?) ?\| .+ \|$", OPERATIONS, re.MULTILINE)
    table = {name: (kind, tuple(filter(None, labels.split(", ")))) for name, kind, labels in rows}
    assert table == METRICS
    assert len(table) >= 17


def test_every_alert_is_explained() -> None:
    rows = re.findall(r"^\| `(KtpOcr\w+)` \| .+ \|$", OPERATIONS, re.MULTILINE)
    assert rows == list(alerts())
    assert len(rows) >= 10


@pytest.mark.parametrize(("name", "expression"), EXPRESSIONS, ids=[name for name, _ in EXPRESSIONS])
def test_queries_ask_for_series_that_exist(name: str, expression: str) -> None:
    selectors = selectors_of(expression)
    assert selectors
    for selector in selectors:
        assert selector.name is not None
        labels = scraped_labels(selector.name)
        assert labels is not None, selector.name
        for matcher in selector.matchers.matchers:
            assert matcher.name in labels, (selector.name, matcher.name)
            known = KNOWN_VALUES.get(matcher.name)
            for value in matcher.value.split("|") if known else ():
                assert any(re.fullmatch(value, one) for one in known or ()), (matcher.name, value)


@pytest.mark.parametrize(("name", "expression"), EXPRESSIONS, ids=[name for name, _ in EXPRESSIONS])
def test_queries_group_by_labels_that_exist(name: str, expression: str) -> None:
    names = [selector.name for selector in selectors_of(expression)]
    labels = set().union(*(scraped_labels(name) or set() for name in names if name is not None))
    for grouping in re.findall(r"\bby \(([^)]*)\)", expression):
        assert {label.strip() for label in grouping.split(",")} <= labels


def test_the_dashboard_shows_every_metric() -> None:
    asked = {selector.name for _, expression in queries() for selector in selectors_of(expression)}
    missing = [
        metric for metric, (kind, _) in METRICS.items() if not asked & {metric + suffix for suffix in SUFFIXES[kind]}
    ]
    assert not missing


def test_every_panel_says_what_it_shows() -> None:
    shown = panels()
    assert len({panel["id"] for panel in shown}) == len(shown)
    assert all(panel["title"] and panel["description"] for panel in shown)
    assert all(panel["datasource"] == {"type": "prometheus", "uid": "${datasource}"} for panel in shown)
