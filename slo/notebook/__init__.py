"""Objectives and their histories in a notebook, as pandas objects and figures.

import slo.notebook
from slo.notebook import plots
shop = slo.notebook.load("examples/cloudshop.yaml", demo=True)
availability = shop["cloudshop/availability"]
availability.incidents()
plots.burn_down(availability)
"""

from slo.notebook.loading import Loaded, load
from slo.notebook.objective_history import ObjectiveHistory

__all__ = ["Loaded", "ObjectiveHistory", "load"]
