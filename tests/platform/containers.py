"""Images built by buildah and run by crun, without a daemon, a registry, or a trace outside one folder. Needs root."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from ast import literal_eval
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from tests.platform.programs import ROOT, program, run

BASE = "localhost/base:1"
STARTS_WITHIN_SECONDS = 120.0
UNIFIED = Path("/sys/fs/cgroup/unified")
CERTIFICATES = Path("/etc/ssl/certs/ca-certificates.crt")


@dataclass(frozen=True)
class Store:
    """Images in a folder of their own."""

    folder: Path

    def buildah(self, *words: str | Path) -> str:
        """What buildah printed. Its isolation is chroot, which needs nothing of the kernel; where overlays cannot be
        mounted, STORAGE_DRIVER=vfs does without, slowly."""
        places = ("--root", self.folder / "storage", "--runroot", self.folder / "run")
        return run("buildah", *places, *words, env={"BUILDAH_ISOLATION": "chroot"}).stdout.strip()

    def import_base(self) -> None:
        """The distribution's files as the image that BASE names."""
        archive = run(str(ROOT / "scripts" / "image-tools.sh")).stdout.strip()
        container = self.buildah("from", "scratch")
        self.buildah("add", "--quiet", container, archive, "/")
        self.buildah("commit", "--quiet", "--rm", container, BASE)

    def build(self, image: str) -> None:
        """Builds the Dockerfile on BASE, with this machine's configuration of pip, and its certificates, as secrets."""
        pip = self.folder / "pip.conf"
        pip.write_text(pip_configuration(), encoding="utf-8")
        secrets = [f"--secret=id=pip,src={pip}"]
        if CERTIFICATES.exists():
            secrets.append(f"--secret=id=ca,src={CERTIFICATES}")
        self.buildah("build", "--format=docker", f"--build-arg=BASE_IMAGE={BASE}", *secrets, "--tag", image, ROOT)

    def configuration(self, image: str) -> dict[str, Any]:
        """What the image says of itself: Env, User, Entrypoint, Healthcheck."""
        described: dict[str, Any] = json.loads(self.buildah("inspect", "--type=image", image))["Docker"]["config"]
        return described

    def files(self, image: str) -> Path:
        """A folder with the image's files."""
        return Path(self.buildah("mount", self.buildah("from", image)))

    def unmount(self) -> None:
        """Lets go of everything that `files` gave; the folder can be removed then."""
        self.buildah("umount", "--all")
        subprocess.run(["umount", self.folder / "storage" / "overlay"], capture_output=True, check=False)


@dataclass
class Container:
    """A running container."""

    name: str
    user: str
    health: list[str]
    log: Path
    process: subprocess.Popen[bytes] = field(repr=False)

    def exec(self, *words: str) -> subprocess.CompletedProcess[str]:
        """Runs a command inside, as the container's own user."""
        command = [*crun(), "exec", "--user", self.user, self.name, *words]
        return subprocess.run(command, capture_output=True, text=True, check=False)

    def wait_until_up(self) -> None:
        """Until it runs commands."""
        self.wait_until("true")

    def wait_until_healthy(self) -> None:
        """Until the image's own health check succeeds."""
        self.wait_until(*self.health)

    def wait_until(self, *words: str) -> None:
        """Until the command succeeds inside; the test fails if it never does or the container ends."""
        deadline = time.monotonic() + STARTS_WITHIN_SECONDS
        said = ""
        while time.monotonic() < deadline and self.process.poll() is None:
            done = self.exec(*words)
            if done.returncode == 0:
                return
            said = done.stderr
            time.sleep(0.5)
        pytest.fail(f"{' '.join(words)} never succeeded: {said}\n{self.log.read_text(encoding='utf-8')}")


@contextmanager
def running(
    store: Store,
    image: str,
    folder: Path,
    *words: str,
    mounts: dict[str, Path],
    env: dict[str, str] | None = None,
    network: str = "none",
) -> Iterator[Container]:
    """A container as docker run --read-only --cap-drop ALL would start it; it is gone at the end of the block.

    words: what is run in the place of the image's own entry point and command. mounts: what is seen at which path,
    writable. network: as of docker: none, which is a loopback of its own, or host.
    """
    said = store.configuration(image)
    name = f"slo-{os.getpid()}-{folder.name}"
    command = bundle(store.files(image), said, folder, words, mounts, env or {}, network)
    log = folder / "log"
    with log.open("wb") as out, subprocess.Popen([*command, name], stdout=out, stderr=out) as process:
        try:
            yield Container(name, said["User"], said["Healthcheck"]["Test"][1:], log, process)
        finally:
            subprocess.run([*crun(), "kill", name, "TERM"], capture_output=True, check=False)
            try:
                process.wait(30)
            except subprocess.TimeoutExpired:
                subprocess.run([*crun(), "kill", name, "KILL"], capture_output=True, check=False)
                process.wait(30)


def bundle(
    files: Path,
    said: dict[str, Any],
    folder: Path,
    words: tuple[str, ...],
    mounts: dict[str, Path],
    env: dict[str, str],
    network: str,
) -> list[str]:
    """Writes what crun runs from into the folder, and gives the command that runs it but for the container's name."""
    run("crun", "spec", cwd=folder)
    settings = json.loads((folder / "config.json").read_text(encoding="utf-8"))
    user, _, group = said["User"].partition(":")
    settings["root"] = {"path": str(files), "readonly": True}
    settings["process"] |= {
        "terminal": False,
        "user": {"uid": int(user), "gid": int(group)},
        "args": list(words) or [*said["Entrypoint"], *said["Cmd"]],
        "env": [*said["Env"], *(f"{key}={value}" for key, value in env.items())],
        "cwd": said["WorkingDir"],
        "capabilities": {},
        "noNewPrivileges": True,
    }
    settings["mounts"] = [one for one in settings["mounts"] if one["type"] != "cgroup"]
    settings["mounts"].append({"destination": "/tmp", "type": "tmpfs", "source": "tmpfs"})
    for inside, outside in mounts.items():
        settings["mounts"].append({"destination": inside, "type": "bind", "source": str(outside), "options": ["rbind"]})
    settings["linux"].pop("resources", None)
    if network == "host":
        settings["linux"]["namespaces"] = [one for one in settings["linux"]["namespaces"] if one["type"] != "network"]
    (folder / "config.json").write_text(json.dumps(settings), encoding="utf-8")
    return [*crun(), "run", "--bundle", str(folder)]


def crun() -> list[str]:
    """crun without cgroups, which limit what a test need not limit. It refuses to start where both versions of them are
    mounted, so there it does not see the newer."""
    command = [program("crun"), "--cgroup-manager=disabled"]
    if UNIFIED.is_mount():
        return ["unshare", "--mount", "sh", "-c", f'umount {UNIFIED} && exec "$@"', "sh", *command]
    return command


def pip_configuration() -> str:
    """How pip is configured here, from files and the environment, as one file."""
    listed = subprocess.run([sys.executable, "-m", "pip", "config", "list"], capture_output=True, text=True, check=True)
    found: dict[str, str] = {}
    for line in listed.stdout.splitlines():
        key, _, value = line.partition("=")
        found[key.rpartition(".")[2]] = str(literal_eval(value))
    return "[global]\n" + "".join(f"{key} = {value}\n" for key, value in found.items())
