"""Notebooks run from top to bottom in a kernel of their own. As a program: runs all, and keeps what came out.

python -m tests.notebook.running
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import nbformat
from nbclient import NotebookClient

NOTEBOOKS = Path(__file__).parents[2] / "notebooks"
NAMES = sorted(path.name for path in NOTEBOOKS.glob("*.ipynb"))
UPDATE = "`make generate` writes the outputs anew"


def run_fresh(name: str) -> Any:
    """The notebook with the outputs of a run in a fresh kernel. Raises CellExecutionError for a cell that fails."""
    notebook = nbformat.read(NOTEBOOKS / name, as_version=4)  # type: ignore[no-untyped-call]
    client = NotebookClient(
        notebook,
        timeout=300,
        kernel_name="python3",
        record_timing=False,
        coalesce_streams=True,  # one output for all that a cell prints, however busy the machine is
        resources={"metadata": {"path": str(NOTEBOOKS)}},
    )
    client.execute()
    notebook.metadata["language_info"] = {"name": "python"}  # without the version of Python that ran it
    return notebook


def main() -> None:
    for name in NAMES:
        notebook = run_fresh(name)
        nbformat.write(notebook, NOTEBOOKS / name)  # type: ignore[no-untyped-call]


if __name__ == "__main__":
    main()
