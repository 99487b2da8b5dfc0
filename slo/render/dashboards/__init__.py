"""Grafana dashboards: the four panels of an error budget, all objectives at a glance, and one in detail."""

from slo.render.dashboards.files import FORMATS, SIGNS, Form, render_dashboards, unrecorded
from slo.render.dashboards.frame import Site

__all__ = ["FORMATS", "SIGNS", "Form", "Site", "render_dashboards", "unrecorded"]
