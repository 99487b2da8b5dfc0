"""Prometheus rules from objectives: pure text, the same for the same objectives."""

from slo.render.rules.files import FORMATS, MADE_BY, Layout, object_name, render_inhibition, render_rules

__all__ = ["FORMATS", "MADE_BY", "Layout", "object_name", "render_inhibition", "render_rules"]
