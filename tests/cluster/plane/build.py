"""Builds the control plane of the cluster tests, once for each version of ``go.mod``.

It ends in a cache folder outside the repository, so that a fresh clone finds it again. On two cores
it takes about seven minutes; every step says what it does. ``python -m tests.cluster.plane.build``.
"""

import hashlib
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import click

HERE = Path(__file__).parent
KUBERNETES = "v1.37.2"
"""The release that ``kubernetes/go.mod`` requires; a test holds them together."""
OLDEST_GO = (1, 26)
_STAMP = "k8s.io/component-base/version"


@dataclass(frozen=True, slots=True)
class Program:
    """A program of the control plane, and the Go package it is built from."""

    name: str
    module: str
    """Folder with the ``go.mod``, beside this file."""
    package: str
    flags: str = "-s -w"
    minutes: str = "half a minute"
    """What to expect on two cores."""


_VERSIONED = (
    f"-s -w -X {_STAMP}.gitVersion={KUBERNETES} -X {_STAMP}.gitMajor=1 -X {_STAMP}.gitMinor=37"
)
PROGRAMS = (
    Program("etcd", "etcd", "go.etcd.io/etcd/server/v3"),
    Program(
        "kube-apiserver",
        "kubernetes",
        "k8s.io/kubernetes/cmd/kube-apiserver",
        _VERSIONED,
        "5 minutes",
    ),
    Program(
        "kube-controller-manager",
        "kubernetes",
        "k8s.io/kubernetes/cmd/kube-controller-manager",
        _VERSIONED,
        "2 minutes",
    ),
)


class Missing(Exception):  # noqa: N818 - it is what is the matter
    """Raised when there is no control plane and none can be built; says what to do."""


def find(environment: Mapping[str, str]) -> Path:
    """Return the folder with the programs that is there already.

    Raises:
        Missing: None is; the message says how to get one.
    """
    given = environment.get("KUBEBUILDER_ASSETS")
    folder = Path(given) if given else cache(environment)
    absent = [program.name for program in PROGRAMS if not (folder / program.name).is_file()]
    if not absent:
        return folder
    if given:
        raise Missing(f"KUBEBUILDER_ASSETS={given} lacks {', '.join(absent)}: put them there")
    raise Missing(_remedy())


def ensure(environment: Mapping[str, str], say: Callable[[str], None]) -> Path:
    """Return the folder with the programs, built first where they are not there.

    Raises:
        Missing: They can be neither found nor built.
    """
    try:
        return find(environment)
    except Missing:
        if environment.get("KUBEBUILDER_ASSETS") or go_problem() is not None:
            raise
    folder = cache(environment)
    for program in PROGRAMS:
        if not (folder / program.name).is_file():
            _build(program, folder, say)
    return folder


def cache(environment: Mapping[str, str]) -> Path:
    """Return the folder for what these ``go.mod`` files and this machine give."""
    home = Path(environment.get("HOME", "~")).expanduser()
    root = Path(environment.get("XDG_CACHE_HOME") or home / ".cache")
    digest = hashlib.sha256(b"".join(path.read_bytes() for path in _sources())).hexdigest()[:12]
    name = f"{KUBERNETES}-{sys.platform}-{os.uname().machine}-{digest}"
    return root / "saleor-segment-operator" / "control-plane" / name


def go_problem() -> str | None:
    """Say why Go cannot build it, or return ``None``."""
    go = shutil.which("go")
    if go is None:
        return "Go is not installed"
    told = subprocess.run([go, "env", "GOVERSION"], capture_output=True, text=True, check=False)
    version = told.stdout.strip().removeprefix("go")
    if tuple(int(part) for part in version.split(".")[:2] if part.isdigit()) < OLDEST_GO:
        return f"Go is {version or 'unusable'}"
    return None


def _remedy() -> str:
    why = go_problem()
    if why is None:
        return "the control plane is not built: make control-plane builds it, in about 7 minutes"
    return (
        f"{why}: install Go 1.26 or newer, or set KUBEBUILDER_ASSETS to a folder with "
        "kube-apiserver, kube-controller-manager and etcd"
    )


def _sources() -> Iterator[Path]:
    for module in ("etcd", "kubernetes"):
        yield from (HERE / module / "go.mod", HERE / module / "go.sum")


def _build(program: Program, folder: Path, say: Callable[[str], None]) -> None:
    say(f"building {program.name} from its Go module (about {program.minutes}, once)")
    began = time.monotonic()
    folder.mkdir(parents=True, exist_ok=True)
    draft = folder / f".{program.name}.{os.getpid()}"
    command = ["go", "build", "-trimpath", "-mod=readonly", "-ldflags", program.flags]
    subprocess.run(
        [*command, "-o", draft, program.package],
        cwd=HERE / program.module,
        env={**os.environ, "CGO_ENABLED": "0", "GOFLAGS": ""},
        check=True,
    )
    draft.replace(folder / program.name)
    say(f"built {program.name} in {time.monotonic() - began:.0f} s")


@click.command(help="Build the control plane of the cluster tests, where it is not there.")
@click.option("--if-possible", is_flag=True, help="Succeed where it cannot be built, saying why.")
def main(*, if_possible: bool) -> None:
    """Build what is not there."""
    try:
        folder = ensure(os.environ, click.echo)
    except Missing as missing:
        click.echo(f"no control plane: {missing}", err=True)
        sys.exit(0 if if_possible else 1)
    except subprocess.CalledProcessError as failed:
        click.echo(f"no control plane: {_unbuilt(failed)}", err=True)
        sys.exit(0 if if_possible else 1)
    click.echo(f"the control plane is in {folder}")


def _unbuilt(failed: subprocess.CalledProcessError) -> str:
    return (
        f"go build ended with {failed.returncode}, see above: mend that, or set KUBEBUILDER_ASSETS "
        "to a folder with kube-apiserver, kube-controller-manager and etcd"
    )


if __name__ == "__main__":
    main()
