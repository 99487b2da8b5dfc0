"""The command `dashboard`: objective files in, a folder of Grafana dashboards out."""

from __future__ import annotations

import json
import os
from argparse import Namespace
from collections.abc import Callable, Sequence
from pathlib import Path
from urllib.parse import urlsplit

from slo.commands import Result, chosen_files, chosen_objectives
from slo.errors import UsageError
from slo.generated import GeneratedFile, bears, differences, write_folder
from slo.kubernetes_names import object_labels, object_name_of
from slo.render.dashboards import FORMATS, SIGNS, Form, Site, render_dashboards, unrecorded
from slo.settings import load_settings

FAILED_CHECK = 1
_DEFAULT_FOLDER = Path("dashboards")
_LONGEST_NAME = 20
"""Grafana takes uids of up to 40 characters."""


def dashboard(arguments: Namespace) -> Result:
    """Write the dashboards, print the one of four panels, or tell whether a folder of them is up to date."""
    site, form = _site(arguments), _form(arguments)
    settings = load_settings(os.environ, arguments.settings)
    objectives = chosen_objectives(chosen_files(arguments.files, settings), arguments.globs)
    files = render_dashboards(objectives, site, form)
    notices = tuple(unrecorded(objectives))
    if not arguments.output and not arguments.check:
        return Result(files[0].text, errors=notices)
    folder = arguments.output or _DEFAULT_FOLDER
    _refuse_clashes(folder, files, site)
    if arguments.check:
        stale = differences(folder, files, sign=SIGNS)
        cure = "make it anew by the same command without --check"
        return Result("".join(f"{line}; {cure}\n" for line in stale), FAILED_CHECK if stale else 0)
    write_folder(folder, files, sign=SIGNS)
    return Result("", errors=notices)


COMMANDS: dict[str, Callable[[Namespace], Result]] = {"dashboard": dashboard}


def _site(arguments: Namespace) -> Site:
    name = object_name_of(arguments.name, "--name")
    if len(name) > _LONGEST_NAME:
        raise UsageError(f"--name: has {len(name)} characters; uids of Grafana leave room for {_LONGEST_NAME}")
    return Site(name, _address(arguments.page_url))


def _address(url: str) -> str:
    try:
        parts = urlsplit(url)
        known = not url or (parts.scheme in ("http", "https") and bool(parts.hostname))
    except ValueError:
        known = False
    if not known:
        raise UsageError(f"--page-url: {url[:200]!r} is no address; write one such as https://slo.example.com")
    return url


def _form(arguments: Namespace) -> Form:
    if arguments.format not in FORMATS:
        raise UsageError(f"--format: {arguments.format!r} is none of {', '.join(FORMATS)}")
    return Form(
        format=arguments.format,
        namespace=object_name_of(arguments.namespace, "--namespace"),
        labels=object_labels(arguments.label),
        folder=arguments.folder,
    )


def _refuse_clashes(folder: Path, files: Sequence[GeneratedFile], site: Site) -> None:
    """Other dashboards in the folder must be readable, and have no uid or title that ours have."""
    own = {folder / file.name for file in files}
    others = [path for path in sorted(folder.glob("*.json")) if path not in own] if folder.is_dir() else []
    uids, titles = site.uids(), site.titles()
    for path in others:
        if bears(path, SIGNS):
            continue
        uid, title = _uid_and_title(path)
        for kind, value, ours in (("uid", uid, uids), ("title", title, titles)):
            if value in ours:
                raise UsageError(
                    f"{path}: has the {kind} {value!r} too, and Grafana would show one of them;"
                    " change it, choose another folder, or give ours a name by --name"
                )


def _uid_and_title(path: Path) -> tuple[str, str]:
    try:
        content = json.loads(path.read_bytes())
    except OSError as error:
        raise UsageError(f"{path}: cannot be read: {error.strerror}") from None
    except (ValueError, RecursionError):
        raise UsageError(f"{path}: is not JSON; move it away, or choose another folder") from None
    found = content.get("dashboard", content) if isinstance(content, dict) else {}
    found = found if isinstance(found, dict) else {}
    return str(found.get("uid") or ""), str(found.get("title") or "")
