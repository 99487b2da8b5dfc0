"""Which observations of a probe are good."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from slo.objective import Comparison, Objective, ProbeSLI
from slo.samples import Values

_COMPARE = {
    Comparison.EQUAL: np.equal,
    Comparison.NOT_EQUAL: np.not_equal,
    Comparison.LESS: np.less,
    Comparison.LESS_OR_EQUAL: np.less_equal,
    Comparison.GREATER: np.greater,
    Comparison.GREATER_OR_EQUAL: np.greater_equal,
}


def is_good(objective: Objective, values: Values) -> npt.NDArray[np.bool_]:
    """For each sample of the objective's gauge, whether it meets the comparison."""
    assert isinstance(objective.sli, ProbeSLI)
    good: npt.NDArray[np.bool_] = _COMPARE[objective.sli.comparison](values, objective.sli.value)
    return good
