"""Builds and runs the image with no daemon and no registry: buildah on a base made by mmdebstrap.

What takes long, base and wheels, lies in a cache folder outside of the repository.
"""

import json
import os
import re
import shutil
import subprocess
import sys
import tarfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from tests.chart.charts import ROOT

_BASE = "localhost/saleor-segment-test-base"
_IMAGE = "localhost/saleor-segment-test"
_PACKAGES = "python3,python3-venv,python3-pip,ca-certificates"
_LOCKS = ("requirements.txt", "requirements-build.txt")
_CONTEXT = ("Dockerfile", ".dockerignore", "pyproject.toml", "README.md", "LICENSE", *_LOCKS)
_SECONDS = 240

DATA = "/var/lib/saleor-segment"
USER = 10001
"""Whom the image runs as."""


class Unavailable(Exception):  # noqa: N818 - it is what is the matter
    """Raised when this machine cannot build images; says why and what to do."""


@dataclass(frozen=True)
class Builder:
    """buildah with a store of its own.

    Args:
        cache: Where base and wheels are kept.
        work: A folder for what is gone after the tests.
    """

    cache: Path
    work: Path

    @classmethod
    def here(cls, environment: Mapping[str, str], work: Path) -> "Builder":
        """Return one for this machine.

        Raises:
            Unavailable: A tool or a right is missing.
        """
        missing = [tool for tool in ("buildah", "mmdebstrap") if shutil.which(tool) is None]
        if missing:
            raise Unavailable(f"{' and '.join(missing)} not installed: apt-get install them")
        if os.geteuid() != 0:
            raise Unavailable("only root can build with chroot isolation here")
        home = Path(environment.get("HOME", "~")).expanduser()
        root = Path(environment.get("XDG_CACHE_HOME") or home / ".cache")
        cache = root / "saleor-segment-operator" / "image"
        cache.mkdir(parents=True, exist_ok=True)
        return cls(cache=cache, work=work)

    def build(self) -> str:
        """Build the image from the repository's Dockerfile and return its name.

        Raises:
            Unavailable: The base or the wheels cannot be had.
        """
        self._configure()
        self._load_base()
        context = self._context()
        arguments = {"BASE": _BASE, "PIP_NO_INDEX": "1", "PIP_FIND_LINKS": "/build"}
        flags = [f"--build-arg={name}={value}" for name, value in arguments.items()]
        self._buildah("bud", "--pull=never", *flags, f"--tag={_IMAGE}", str(context))
        return _IMAGE

    def configuration(self, image: str) -> dict[str, object]:
        """Return the image's configuration as the OCI names it."""
        told = json.loads(self._buildah("inspect", "--type=image", image))
        found: dict[str, object] = told["OCIv1"]["config"]
        return found

    @contextmanager
    def container(self, image: str) -> Iterator[str]:
        """Make a container of ``image``; its name, for ``command``."""
        name = self._buildah("from", "--pull=never", image).strip()
        try:
            yield name
        finally:
            self._buildah("rm", name)

    def command(self, container: str, *arguments: str) -> list[str]:
        """Return the command that runs ``arguments`` in it as the image's user."""
        volume = f"--volume={self.data}:{DATA}"
        return ["buildah", "run", "--isolation=chroot", volume, container, "--", *arguments]

    @property
    def data(self) -> Path:
        """What lies at ``DATA`` in containers."""
        return self.work / "data"

    @property
    def environment(self) -> dict[str, str]:
        """The environment that buildah finds its store by."""
        return {**os.environ, "CONTAINERS_STORAGE_CONF": str(self.work / "storage.conf")}

    def clean(self) -> None:
        """Remove what was built; the store is deep, and not every file in it is writable."""
        self._buildah("rmi", "--all", "--force")

    def _configure(self) -> None:
        self.data.mkdir()
        os.chown(self.data, USER, USER)
        (self.work / "policy.json").write_text('{"default": [{"type": "insecureAcceptAnything"}]}')

    def _store_in(self, driver: str, folder: Path, *more: str) -> None:
        """Have buildah keep in ``folder`` what it makes from now on."""
        lines = (
            "[storage]",
            f'driver = "{driver}"',
            f'graphroot = "{folder}"',
            f'runroot = "{self.work}/run-{folder.name}"',
            *more,
        )
        (self.work / "storage.conf").write_text("\n".join(lines))

    def _driver(self) -> str:
        """Return ``overlay``, or where that cannot be ``vfs``, which copies all for each layer."""
        self._store_in("overlay", self.work / "tried")
        told = subprocess.run(
            ["buildah", "info"], env=self.environment, check=False, capture_output=True
        )
        return "vfs" if told.returncode else "overlay"

    def _load_base(self) -> None:
        """Have the base in a store that is read only afterwards, and found by later runs."""
        driver = self._driver()
        lasting = self.cache / f"store-{driver}"
        self._store_in(driver, lasting)
        if _BASE not in self._buildah("images", "--format={{.Name}}").split():
            self._make_base()
        also = f'additionalimagestores = ["{lasting}"]'
        self._store_in(driver, self.work / "store", "[storage.options]", also)

    def _make_base(self) -> None:
        folder = self.cache / "base"
        if not (folder / "base.tar").is_file():
            folder.mkdir(exist_ok=True)
            fresh = folder / f"{os.getpid()}.tar"
            _prepare("mmdebstrap", "--variant=essential", f"--include={_PACKAGES}", _suite(), fresh)
            fresh.rename(folder / "base.tar")
        (folder / "Dockerfile").write_text("FROM scratch\nADD base.tar /\n")
        self._buildah("bud", f"--tag={_BASE}", str(folder))

    def _context(self) -> Path:
        context = self.work / "context"
        context.mkdir()
        for name in _CONTEXT:
            shutil.copy(ROOT / name, context)
        for folder in ("operator", "webhook_server"):
            shutil.copytree(ROOT / folder, context / folder)
        shutil.copytree(self._wheels(self._python()), context / "wheelhouse")
        return context

    def _python(self) -> str:
        """Return the base's Python, as in 3.13: wheels are chosen for it."""
        with tarfile.open(self.cache / "base/base.tar") as base:
            found = (re.fullmatch(r"\./usr/bin/python(3\.\d+)", name) for name in base.getnames())
            return next(match[1] for match in found if match)

    def _wheels(self, version: str) -> Path:
        folder = self.cache / f"wheels-{version}"
        locks = [flag for name in _LOCKS for flag in ("--requirement", ROOT / name)]
        folder.mkdir(exist_ok=True)
        pip = (sys.executable, "-m", "pip", "download", "--quiet", "--disable-pip-version-check")
        options = ("--require-hashes", "--only-binary=:all:", f"--python-version={version}")
        fresh = self.work / "wheels"
        download = (*pip, *options, "--find-links", folder, *locks, "--dest", fresh)
        try:
            _prepare(*download, "--no-index")  # an index is asked for what is missing only
        except Unavailable:
            _prepare(*download)
        shutil.copytree(fresh, folder, dirs_exist_ok=True)
        return fresh

    def _buildah(self, command: str, *arguments: str) -> str:
        isolated = ("--isolation=chroot",) if command == "bud" else ()
        policy = f"--signature-policy={self.work / 'policy.json'}"
        checked = (policy,) if command in {"bud", "from"} else ()
        return self._run("buildah", command, *isolated, *checked, *arguments)

    def _run(self, *command: str) -> str:
        done = subprocess.run(
            command,
            env=self.environment,
            check=False,
            capture_output=True,
            text=True,
            timeout=_SECONDS,
        )
        assert done.returncode == 0, f"{' '.join(command)}\n{done.stdout[-3000:]}{done.stderr}"
        return done.stdout


def _prepare(*command: str | Path) -> None:
    try:
        subprocess.run(command, check=True, capture_output=True, timeout=_SECONDS)
    except (subprocess.CalledProcessError, subprocess.TimeoutExpired) as error:
        what = " ".join(map(str, command[:4]))
        raise Unavailable(f"{what} … failed: is there a network? ({error})") from None


def _suite() -> str:
    lines = Path("/etc/os-release").read_text().splitlines()
    release = dict(line.split("=", 1) for line in lines if "=" in line)
    return release.get("VERSION_CODENAME", "stable").strip('"')
