"""What tests of several rooms share: workers, a stand-in for `pynvml`, a store that speaks S3.

The stand-in can be told what to answer and how to fail. The exceptions and constants are pynvml's
own; only what would ask the driver is replaced. It is no GPU: tests with it show how answers are
read, not that a driver gives them.
"""

import signal
from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pynvml
import pytest
from filelock import FileLock
from hypothesis import HealthCheck, settings

# How long an example takes says nothing of what is tested, and much of what else runs.
settings.register_profile("lungbench", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("lungbench")

TOLD: dict[str, list[str]] = {}

MIB = 2**20

# What the stand-in's GPU answers to each question, in NVML's own units (mW, mJ, bits).
ANSWERS: dict[str, Any] = {
    "nvmlSystemGetDriverVersion": "550.54.15",
    "nvmlSystemGetCudaDriverVersion_v2": 12040,
    "nvmlDeviceGetName": "Stand-in GPU",
    "nvmlDeviceGetUUID": "GPU-0000",
    "nvmlDeviceGetUtilizationRates": SimpleNamespace(gpu=87, memory=40),
    "nvmlDeviceGetMemoryInfo": SimpleNamespace(total=24576 * MIB, used=1024 * MIB),
    "nvmlDeviceGetPowerUsage": 215_500,
    "nvmlDeviceGetTemperature": 64,
    "nvmlDeviceGetClockInfo": {pynvml.NVML_CLOCK_SM: 1410, pynvml.NVML_CLOCK_MEM: 877},
    "nvmlDeviceGetTotalEnergyConsumption": 5_000_000,
    "nvmlDeviceGetCurrentClocksEventReasons": 0x4 | 0x1,
    "nvmlDeviceGetCurrentClocksThrottleReasons": 0x40,
    "nvmlDeviceGetComputeRunningProcesses": [
        SimpleNamespace(pid=11, usedGpuMemory=300 * MIB),
        SimpleNamespace(pid=12, usedGpuMemory=None),
    ],
}


class StandIn:
    """Answers like `pynvml` on a machine with `gpus` GPUs.

    Args:
        gpus: How many there are.
        failing: The error that each named function raises.
    """

    NVMLError = pynvml.NVMLError
    NVMLError_FunctionNotFound = pynvml.NVMLError_FunctionNotFound
    NVML_TEMPERATURE_GPU = pynvml.NVML_TEMPERATURE_GPU
    NVML_CLOCK_SM = pynvml.NVML_CLOCK_SM
    NVML_CLOCK_MEM = pynvml.NVML_CLOCK_MEM

    def __init__(self, gpus: int = 1, failing: dict[str, Exception] | None = None) -> None:
        self.gpus, self.failing = gpus, failing or {}
        self.answers = dict(ANSWERS)
        self.open = 0
        self.energy_step_mj = 0

    def nvmlInit(self) -> None:  # noqa: N802 - as pynvml names it
        self._maybe_fail("nvmlInit")
        self.open += 1

    def nvmlShutdown(self) -> None:  # noqa: N802 - as pynvml names it
        self._maybe_fail("nvmlShutdown")
        self.open -= 1

    def nvmlDeviceGetCount(self) -> int:  # noqa: N802 - as pynvml names it
        self._maybe_fail("nvmlDeviceGetCount")
        return self.gpus

    def nvmlDeviceGetHandleByIndex(self, index: int) -> int:  # noqa: N802 - as pynvml names it
        self._maybe_fail("nvmlDeviceGetHandleByIndex")
        if index >= self.gpus:
            raise pynvml.NVMLError(pynvml.NVML_ERROR_INVALID_ARGUMENT)
        return index

    def __getattr__(self, name: str) -> Any:
        if name not in ANSWERS:
            raise AttributeError(name)

        def answer(*asked: Any) -> Any:
            self._maybe_fail(name)
            if name == "nvmlDeviceGetTotalEnergyConsumption":
                self.answers[name] += self.energy_step_mj
            value = self.answers[name]
            return value[asked[-1]] if isinstance(value, dict) else value

        return answer

    def _maybe_fail(self, name: str) -> None:
        if name in self.failing:
            raise self.failing[name]


def pytest_configure() -> None:
    """Obey Ctrl-C, as do the processes that tests start and stop by it.

    What a shell starts in the background (`make test &`) ignores it, and hands that down.
    """
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> Any:
    """Give each worker whole files, so that what the tests of one share is made once.

    The faults are one file here: their table is counted in one process, and their stories run
    beside all of them.
    """
    from xdist.scheduler import LoadScopeScheduling

    class ByFile(LoadScopeScheduling):
        def _split_scope(self, nodeid: str) -> str:
            file = nodeid.partition("::")[0]
            return "tests/faults" if file.startswith("tests/faults/") else file

    return ByFile(config, log)


@pytest.hookimpl(optionalhook=True)
def pytest_testnodedown(node: Any) -> None:
    """Take what a worker has to say at the end, by its heading."""
    TOLD.update(getattr(node, "workeroutput", {}).get("told", {}))


def pytest_terminal_summary(terminalreporter: Any) -> None:
    for heading, lines in TOLD.items():
        terminalreporter.section(heading)
        for line in lines:
            terminalreporter.write_line(line)


MadeOnce = Callable[[str, Callable[[Path], object]], Path]


@pytest.fixture(scope="session")
def made_once(tmp_path_factory: pytest.TempPathFactory, request: pytest.FixtureRequest) -> MadeOnce:
    """Fill a folder once for all workers; whoever asks for it first does it."""
    base = tmp_path_factory.getbasetemp()
    root = base.parent if hasattr(request.config, "workerinput") else base

    def made(name: str, fill: Callable[[Path], object]) -> Path:
        folder, done = root / "once" / name, root / "once" / f"{name}.done"
        done.parent.mkdir(exist_ok=True)
        with FileLock(done.with_suffix(".lock")):
            if not done.exists():
                folder.mkdir()
                fill(folder)
                done.touch()
        return folder

    return made


@pytest.fixture
def nvml_stand_in() -> type[StandIn]:
    """The class, to be made with as many GPUs and failures as a test wants."""
    return StandIn


@pytest.fixture(scope="session")
def s3() -> Iterator[dict[str, str]]:
    """The variables that lead to a store on this machine, which has the bucket `lab`.

    One for all tests: moto's servers in one process share what they store.
    """
    import boto3
    from moto.server import ThreadedMotoServer

    server = ThreadedMotoServer("127.0.0.1", 0, verbose=False)
    server.start()
    address, port = server.get_host_and_port()
    environ = {
        "AWS_ENDPOINT_URL": f"http://{address}:{port}",
        "AWS_ACCESS_KEY_ID": "nobody",
        "AWS_SECRET_ACCESS_KEY": "nothing",
        "AWS_DEFAULT_REGION": "us-east-1",
    }
    with pytest.MonkeyPatch.context() as patch:
        for name, value in environ.items():
            patch.setenv(name, value)
        boto3.client("s3").create_bucket(Bucket="lab")
    yield environ
    server.stop()
