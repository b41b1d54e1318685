"""The server under a sampler: ``python -m tests.bench.sampled FILE serve …``.

A timer ticks with the processor time of the thread that runs the event loop. At each tick it is
noted which function is running; FILE holds the counts at the end. Time in C, or in a module of
Python's own, is counted where it was called. (Looking from a second thread would not do: it gets
its turn where the running one lets go of Python's lock, and would see nothing but that.)
"""

import contextlib
import ctypes
import json
import signal
import sys
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from types import FrameType

from saleor_segment_operator.cli.main import main
from saleor_segment_server.contract import Pipeline
from tests.bench.report import Profile
from tests.bench.subjects import Subject, server

_FILE = "profile.json"
_TICK_NANOSECONDS = 1_000_000
_CLOCK_THREAD_CPUTIME_ID = 3


class _Timespec(ctypes.Structure):
    _fields_ = (("seconds", ctypes.c_long), ("nanoseconds", ctypes.c_long))


class _Itimerspec(ctypes.Structure):
    _fields_ = (("interval", _Timespec), ("first", _Timespec))


class Sampler:
    """Counts which function runs, for each millisecond that this thread runs its event loop."""

    def __init__(self) -> None:
        self.seen: Counter[str] = Counter()

    def start(self) -> None:
        """Begin; the timer sends SIGALRM, whose handler runs on the main thread."""
        signal.signal(signal.SIGALRM, self._tick)
        libc, timer = ctypes.CDLL(None, use_errno=True), ctypes.c_void_p()
        tick = _Timespec(0, _TICK_NANOSECONDS)
        setting = _Itimerspec(tick, tick)
        if libc.timer_create(_CLOCK_THREAD_CPUTIME_ID, None, ctypes.byref(timer)) or (
            libc.timer_settime(timer, 0, ctypes.byref(setting), None)
        ):
            raise OSError(ctypes.get_errno(), "no timer could be set")

    def _tick(self, _: int, frame: FrameType | None) -> None:
        places = [_place(level) for level in _stack(frame)]
        if any(module == "asyncio.runners" for module, _ in places):  # it has come to its loop
            of = next((place for place in places if not _is_common(place[0])), places[0])
            self.seen[":".join(of)] += 1


def _stack(frame: FrameType | None) -> Iterator[FrameType]:
    while frame is not None:
        yield frame
        frame = frame.f_back


def _place(frame: FrameType) -> tuple[str, str]:
    return frame.f_globals.get("__name__", "?"), frame.f_code.co_name


def _is_common(module: str) -> bool:
    """Tell whether a function there counts as its caller's: Python's own, like ``base64``."""
    top = module.partition(".")[0]
    return top.startswith("namedtuple_") or (top in sys.stdlib_module_names and top != "asyncio")


@contextlib.contextmanager
def sampled(folder: Path, held: Pipeline, *, data: Path) -> Iterator[Subject]:
    """Run our server under the sampler; ``read_profile`` once it has ended."""
    launcher = ("-m", "tests.bench.sampled", str(folder / _FILE))
    with server(folder, held, data=data, launcher=launcher) as subject:
        yield subject


def read_profile(folder: Path) -> Profile:
    """Return what the sampler left."""
    found: Profile = json.loads((folder / _FILE).read_text())
    return found


if __name__ == "__main__":
    output = Path(sys.argv.pop(1))
    sampler = Sampler()
    sampler.start()
    try:
        main()
    finally:
        output.write_text(json.dumps(dict(sampler.seen.most_common())))
