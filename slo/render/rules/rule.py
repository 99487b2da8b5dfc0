"""One rule, and how it is written as YAML: by hand, which takes a tenth of a dumper's time."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from slo.units import format_duration

# Plain words that no reader of YAML takes for a number, a date or a boolean.
_PLAIN = re.compile(r"(?!(?:y|yes|n|no|on|off|true|false|null|inf|nan)$)[a-z_][a-z0-9_/-]*", re.ASCII | re.IGNORECASE)
# Characters that JSON writes as they are and YAML takes for line breaks, or refuses.
_BREAKS = re.compile("[\x7f-\xa0\u2028\u2029\ufeff\ufffe\uffff\ud800-\udfff]")


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """A recording rule, or an alerting rule where `alert` is set. The labels of its objective come to its own."""

    expr: str
    record: str = ""
    alert: str = ""
    labels: Mapping[str, str] = field(default_factory=dict)
    annotations: Mapping[str, str] = field(default_factory=dict)
    for_minutes: int = 0
    keep_firing_for_minutes: int = 0
    remark: str = ""


def rule_text(rule: Rule, objective_labels: str) -> str:
    """The rule as an entry of a group. objective_labels: lines as `labels_text` writes them."""
    lines = [comment([rule.remark], "      ")] if rule.remark else []
    lines.append(f"      - alert: {rule.alert}\n" if rule.alert else f"      - record: {rule.record}\n")
    if "\n" in rule.expr:
        lines.append("        expr: |-\n")
        lines += [f"          {line}\n" for line in rule.expr.split("\n")]
    else:
        lines.append(f"        expr: {expression(rule.expr)}\n")
    if rule.for_minutes:
        lines.append(f"        for: {format_duration(rule.for_minutes * 60)}\n")
    if rule.keep_firing_for_minutes:
        lines.append(f"        keep_firing_for: {format_duration(rule.keep_firing_for_minutes * 60)}\n")
    lines += ["        labels:\n", objective_labels, labels_text(rule.labels)]
    if rule.annotations:
        lines.append("        annotations:\n")
        lines.append(labels_text(rule.annotations))
    return "".join(lines)


def labels_text(labels: Mapping[str, str]) -> str:
    """Each label in a line of its own."""
    return "".join(f"          {name}: {scalar(value)}\n" for name, value in labels.items())


def scalar(text: str) -> str:
    """Any text as one YAML scalar in one line."""
    if _PLAIN.fullmatch(text):
        return text
    return _BREAKS.sub(lambda found: f"\\u{ord(found[0]):04x}", json.dumps(text, ensure_ascii=False))


def expression(expr: str) -> str:
    """PromQL in one line: as it is where YAML reads it as text, else in single quotes."""
    if expr[:1].isalpha() and not re.search(r": | #|:$", expr):
        return expr
    return "'" + expr.replace("'", "''") + "'"


def comment(lines: Sequence[str], indent: str) -> str:
    """Lines of comment; whatever a name holds stays in its line."""
    return "".join(f"{indent}# {' '.join(line.split())}\n" for line in lines)
