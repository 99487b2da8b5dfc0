"""Objectives of every kind that rules are made for."""

from __future__ import annotations

from slo.objective import Objective
from slo.spec import load_objectives

FILE = """\
service: shop
labels: {team: "a {{ b"}
objectives:
  - name: bad
    description: 'Requests "without" a server error {{ $value }}'
    target: 99.9%
    window: 30d
    sli: {ratio: {bad: 'requests_total{job="shop",status=~"5.."}', total: 'requests_total{job="shop"}'}}
  - name: good
    target: 99%
    window: 28d
    sli: {ratio: {good: 'answers_total{code!~"5..|429"}', total: requests_total}}
  - name: latency
    target: 95%
    window: 7d
    sli: {latency: {histogram: 'seconds{job=~"shop.*"}', threshold: 300ms}}
  - name: probe
    target: 99.5%
    window: 7d
    sli: {probe: {series: 'probe_success{job="blackbox"}', good_when: "== 1"}}
  - name: grouped
    target: 99.9%
    window: 30d
    group_by: [route]
    sli: {ratio: {bad: 'requests_total{status=~"5.."}', total: requests_total}}
  - name: month
    target: 99.9%
    window: {calendar: month, time_zone: Europe/Paris}
    sli: {ratio: {bad: 'requests_total{status=~"5.."}', total: requests_total}}
  - name: full
    target: 100%
    window: 30d
    sli: {ratio: {bad: 'requests_total{status=~"5.."}', total: requests_total}}
  - name: sliced
    target: 99%
    window: 30d
    time_slices: {length: 1m, target: 95%, empty: good}
    sli: {ratio: {bad: 'requests_total{status=~"5.."}', total: requests_total}}
  - name: low
    target: 90%
    window: 30d
    sli: {ratio: {bad: 'requests_total{status=~"5.."}', total: requests_total}}
alerting:
  policy: sre-workbook
  runbook: https://runbooks.example.com/shop
  page: {labels: {pager: "yes"}, annotations: {note: "look at {{ $labels.slo }}"}}
"""


def every_kind() -> list[Objective]:
    return load_objectives(FILE)


def of(name: str) -> Objective:
    return next(one for one in every_kind() if one.name == name)
