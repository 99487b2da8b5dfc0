"""Figures as files, without a window, in colours that colour-blind people tell apart; matplotlib is imported late."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from slo.errors import UsageError
from slo.whole_file import whole_file

if TYPE_CHECKING:
    from matplotlib.figure import Figure

# Okabe and Ito, "Color Universal Design" (2008).
BLUE, ORANGE, GREEN, VERMILION, GREY = "#0072b2", "#e69f00", "#009e73", "#d55e00", "#999999"
SEVERITY_COLOURS = {"page": VERMILION, "ticket": ORANGE}


def require_matplotlib(what: str) -> None:
    """Raises UsageError that says how to get it."""
    try:
        import matplotlib  # noqa: F401  only whether it is there
    except ImportError:
        raise UsageError(f"{what} needs matplotlib: install slo with its extra, pip install 'slo[notebook]'") from None


def new_figure(width_inches: float, height_inches: float) -> Figure:
    """A figure that belongs to no window and no global state."""
    from matplotlib.figure import Figure

    return Figure(figsize=(width_inches, height_inches), layout="constrained")


def save(figure: Figure, path: Path) -> None:
    """The figure as a file of the kind that its name says, whole or not at all."""
    with whole_file(path) as file:
        figure.savefig(file, format=path.suffix.lower().lstrip("."), dpi=150)
