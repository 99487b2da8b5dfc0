"""What must never be printed."""

from __future__ import annotations

import re


def without_password(text: str) -> str:
    """The text with the passwords of URLs replaced, for logs and messages."""
    return re.sub(r"(://[^\s/:@]*):[^\s/]*@", r"\1:***@", text)
