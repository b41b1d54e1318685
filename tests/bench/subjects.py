"""What is measured and what it is measured against, each as a process on a core of its own."""

import contextlib
import json
import subprocess
import urllib.request
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from saleor_segment_server.contract import Event, Pipeline
from tests.bench.deliveries import SHOP
from tests.bench.processes import CORE_OF_LOAD, CORE_OF_SUBJECT, running, wait_for
from tests.signing import Signer

PIPELINE_ID = "5bcfe642-0000-4000-8000-000000000001"
APP_ID = "QXBwOjU="
WRITE_KEY = "a-write-key-for-the-measurement"
SALT = "00112233445566778899aabbccddeeff"
PEER = Path(".venv/peer/bin/python")
SERVER = ("-c", "from saleor_segment_operator.cli.main import main; main()")


@dataclass(frozen=True)
class Subject:
    """A process that listens."""

    process: subprocess.Popen[bytes]
    url: str
    private: str = ""

    @property
    def pid(self) -> int:
        return self.process.pid

    @property
    def address(self) -> tuple[str, int]:
        host, _, port = self.url.removeprefix("http://").partition(":")
        return host, int(port)


def pipeline(signer: Signer, *, endpoint: str, state: str = "Active") -> Pipeline:
    """Return the Pipeline of the measurement; its keys are seeded, so no shop is needed."""
    shop = {"apiUrl": f"http://{SHOP}/graphql/", "jwks": signer.jwks(), "appIds": [APP_ID]}
    return Pipeline.model_validate(
        {
            "id": PIPELINE_ID,
            "saleor": shop,
            "events": list(Event),
            "segment": {"endpoint": endpoint, "writeKey": WRITE_KEY},
            "salt": SALT,
            "state": state,
        }
    )


@contextlib.contextmanager
def server(
    folder: Path, *held: Pipeline, data: Path, launcher: Sequence[str] = SERVER
) -> Iterator[Subject]:
    """Run ``saleor-segment serve`` with these Pipelines on a journal in ``data``."""
    file, log = folder / "pipelines.yaml", folder / "server.log"
    file.write_text(yaml.safe_dump({"pipelines": [each.document() for each in held]}))
    arguments = [
        *(*launcher, "serve", "--pipelines", str(file), "--data-dir", str(data)),
        *("--listen", "127.0.0.1:0", "--private-listen", "127.0.0.1:0"),
        *("--allow-loopback", "--log-format", "json"),
    ]
    with running(arguments, core=CORE_OF_SUBJECT, log=log) as process:
        said = wait_for(log, process, word="listening")
        lines = [json.loads(line) for line in said.splitlines() if line.startswith("{")]
        at = next(line for line in lines if line["event"] == "listening")
        yield Subject(process, at["public"], at["private"])


@contextlib.contextmanager
def floor(folder: Path, signer: Signer, *, data: Path) -> Iterator[Subject]:
    """Run the receiver that has nothing of ours in it."""
    port, keys = folder / "port", folder / "keys.json"
    keys.write_text(json.dumps(signer.jwks()))
    port.unlink(missing_ok=True)
    data.mkdir()
    arguments = ["-m", "tests.bench.floor", str(port), str(data / "floor.db"), str(keys)]
    with running(arguments, core=CORE_OF_SUBJECT, log=folder / "floor.log") as process:
        yield Subject(process, f"http://127.0.0.1:{wait_for(port, process).strip()}")


@contextlib.contextmanager
def segment(folder: Path) -> Iterator[Subject]:
    """Run Segment's twin on the other core; it counts what it is sent."""
    log = folder / "segment.log"
    arguments = ["-m", "tests.twins.segment", "--key", WRITE_KEY, "--counting"]
    with running(arguments, core=CORE_OF_LOAD, log=log) as process:
        yield Subject(process, wait_for(log, process).split()[-1])


@contextlib.contextmanager
def official_client(folder: Path, url: str, messages: Path) -> Iterator[Subject]:
    """Run Segment's official client on a file of messages."""
    if not PEER.exists():
        raise SystemExit(f"{PEER} is missing: make venv installs Segment's official client there")
    arguments = ["tests/bench/peer.py", url, WRITE_KEY, str(messages)]
    log = folder / "peer.log"
    with running(arguments, core=CORE_OF_SUBJECT, log=log, python=PEER) as process:
        yield Subject(process, "")


@contextlib.contextmanager
def forwarding_floor(folder: Path, url: str, database: Path) -> Iterator[Subject]:
    """Run the forwarder that has nothing of ours in it."""
    arguments = ["-m", "tests.bench.forwarding_floor", str(database), url, WRITE_KEY]
    with running(arguments, core=CORE_OF_SUBJECT, log=folder / "forwarding-floor.log") as process:
        yield Subject(process, "")


def ask(url: str) -> Any:
    """Return the JSON at a URL."""
    with urllib.request.urlopen(url, timeout=30) as answer:
        return json.load(answer)
