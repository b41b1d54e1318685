"""The image is built from the Dockerfile and runs, wherever buildah is there."""

import contextlib
import os
import signal
import socket
import subprocess
import time
from collections.abc import Iterator

import httpx
import pytest

from tests.chart.images import DATA, USER, Builder, Unavailable

_UNTIL_TOLD = f"until [ -e {DATA}/stop ]; do sleep 0.1; done"  # buildah passes no signal on

pytestmark = [pytest.mark.image, pytest.mark.timeout(480)]


@pytest.fixture(scope="module")
def builder(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Builder]:
    try:
        found = Builder.here(os.environ, tmp_path_factory.mktemp("image"))
    except Unavailable as error:
        pytest.skip(f"the image is not built: {error}")
    yield found
    found.clean()


@pytest.fixture(scope="module")
def image(builder: Builder) -> str:
    try:
        return builder.build()
    except Unavailable as error:
        pytest.skip(f"the image is not built: {error}")


@pytest.fixture(scope="module")
def container(builder: Builder, image: str) -> Iterator[str]:
    with builder.container(image) as name:
        yield name


def test_it_says_what_it_is_and_whom_it_runs_as(builder: Builder, image: str) -> None:
    configuration = builder.configuration(image)
    assert configuration["User"] == f"{USER}:{USER}"
    assert configuration["Entrypoint"] == ["saleor-segment"]
    labels = configuration["Labels"]
    assert isinstance(labels, dict)
    assert labels["org.opencontainers.image.title"] == "saleor-segment-operator"
    assert labels["org.opencontainers.image.licenses"] == "MIT"


def test_it_runs_as_a_user_that_cannot_change_it(builder: Builder, container: str) -> None:
    assert _output(builder, container, "id", "-u").strip() == str(USER)
    places = _output(builder, container, "find", "/opt", "-writable", "-not", "-type", "l")
    assert places == ""


def test_no_build_tools_are_in_it(builder: Builder, container: str) -> None:
    listed = _output(builder, container, "ls", "/opt/saleor-segment/bin", "/opt")
    assert "saleor-segment" in listed.split()
    assert not {"pip", "hatchling", "wheel"} & set(listed.split())


def test_it_is_compiled_as_its_root_may_be_read_only(builder: Builder, container: str) -> None:
    code = "import saleor_segment_server.serve as s, os; print(os.path.exists(s.__cached__))"
    assert _output(builder, container, "python", "-c", code).strip() == "True"


def test_the_server_starts_in_it_and_stops_when_told(builder: Builder, container: str) -> None:
    (builder.data / "pipelines.yaml").write_text("pipelines: []\n")
    port = _free_port()
    flags = (
        f"--pipelines={DATA}/pipelines.yaml",
        f"--data-dir={DATA}",
        "--listen=127.0.0.1:0",
        f"--private-listen=127.0.0.1:{port}",
        "--journal-size=64Mi",
        "--ballast=1Mi",
    )
    serving = f"saleor-segment serve {' '.join(flags)} & {_UNTIL_TOLD}; kill $!; wait $!"
    process = subprocess.Popen(
        builder.command(container, "sh", "-c", serving),
        env=builder.environment,
        start_new_session=True,
    )
    try:
        _await_ready(f"http://127.0.0.1:{port}/readyz", process)
        (builder.data / "stop").touch()
        assert process.wait(timeout=30) == 0
        assert (builder.data / "journal.db").stat().st_uid == USER
        assert not list(builder.data.glob("journal.db-wal"))
    finally:
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()


def _output(builder: Builder, container: str, *command: str) -> str:
    done = subprocess.run(
        builder.command(container, *command),
        env=builder.environment,
        check=True,
        stdout=subprocess.PIPE,
        text=True,
    )
    return done.stdout


def _await_ready(url: str, process: subprocess.Popen[bytes]) -> None:
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        if _answers(url):
            return
        with contextlib.suppress(subprocess.TimeoutExpired):
            raise AssertionError(f"the server ended with {process.wait(timeout=0.1)}")
    raise AssertionError(f"{url} did not become ready")


def _answers(url: str) -> bool:
    try:
        return httpx.get(url).status_code == httpx.codes.OK
    except httpx.TransportError:
        return False


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port
