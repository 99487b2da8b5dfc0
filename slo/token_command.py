"""The command that makes tokens for callers of the service."""

from __future__ import annotations

import os
from argparse import Namespace
from collections.abc import Callable

from slo.clock import parse_time
from slo.commands import Result
from slo.errors import UsageError
from slo.http.tokens import add_token, new_token
from slo.settings import load_settings


def token(arguments: Namespace) -> Result:
    """The token on standard output, which is the only time that it is seen; its hash goes to the file of tokens."""
    settings = load_settings(os.environ, arguments.settings)
    try:
        until = parse_time(arguments.until) if arguments.until else None
    except UsageError as error:
        raise UsageError(f"--until: {error}") from None
    secret, made = new_token(arguments.name, arguments.role, until)
    file = arguments.tokens or settings.service.tokens
    if file is None:
        return Result(f"{secret}\n", errors=(f"add this line to the file of tokens: {made.line()}",))
    add_token(file, made)
    return Result(f"{secret}\n", errors=(f"added to {file}; keep the token, it is not shown again",))


COMMANDS: dict[str, Callable[[Namespace], Result]] = {"token": token}
