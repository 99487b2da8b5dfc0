"""Who runs a command, as records and reports name them."""

from __future__ import annotations

import getpass
import os


def user_name() -> str:
    """The name of the user, or `uid 65532` where the system knows none, as in a container."""
    try:
        return getpass.getuser()
    except (KeyError, OSError):  # OSError from Python 3.13 on
        return f"uid {os.getuid()}"
