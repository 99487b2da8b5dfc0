"""Prometheus rules from objectives: pure text, the same for the same objectives."""

from slo.render.rules.files import Layout, RuleFile, render_inhibition, render_rules

__all__ = ["Layout", "RuleFile", "render_inhibition", "render_rules"]
