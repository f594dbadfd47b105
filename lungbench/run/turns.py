"""Whose turn it is among the trainings that one process starts on its host.

A training begins when all before it that need one of its devices have ended: on every device the
order is the experiment's, repeat by repeat, and devices don't wait for each other. What keeps
trainings apart is the lock of `lungbench.run.lock`, which other commands know as well; turns only
spare this process threads that wait for it in vain.
"""

from collections import deque
from collections.abc import Collection, Iterator, Sequence
from queue import SimpleQueue

from lungbench.device import Device
from lungbench.experiment import RunSpec
from lungbench.record import Host
from lungbench.settings import Exclusive

_HOST = "host"


def owned_devices(device: Device, exclusive: Exclusive, host: Host) -> tuple[str, ...]:
    """Name the devices that a training owns alone; none where it owns the host.

    All processors are one device, however many threads are used: they share what they have.
    """
    if exclusive == "host":
        return ()
    if device.kind == "cpu":
        return ("cpu",)
    chosen = gpu_indices(device, host)
    return tuple(gpu.uuid or f"gpu.{gpu.index}" for gpu in host.gpus if gpu.index in chosen)


def gpu_indices(device: Device, host: Host) -> tuple[int, ...]:
    """Return the NVML indices of the GPUs that a training uses."""
    if device.is_all_gpus:
        return tuple(gpu.index for gpu in host.gpus)
    return () if device.index is None else (device.index,)


def turns_of(runs: Sequence[RunSpec], exclusive: Exclusive, host: Host) -> "Turns":
    """Return the turns of runs on a host; one whose device isn't there has its turn at once."""
    return Turns(_needs(runs, exclusive, host))


def whole_s(
    runs: Sequence[RunSpec], seconds: Sequence[float], exclusive: Exclusive, host: Host
) -> float:
    """Return how long runs take together that take so long each, in their turns."""
    free_s: dict[str, float] = {}
    for devices, lasts_s in zip(_needs(runs, exclusive, host), seconds, strict=True):
        begins_s = max((free_s.get(device, 0.0) for device in devices), default=0.0)
        free_s |= dict.fromkeys(devices, begins_s + lasts_s)
    return max(free_s.values(), default=0.0)


def _needs(runs: Sequence[RunSpec], exclusive: Exclusive, host: Host) -> list[Collection[str]]:
    if exclusive == "host":
        return [{_HOST}] * len(runs)
    return [owned_devices(run.device, exclusive, host) for run in runs]


class Turns(Iterator[int]):
    """Gives out the numbers of trainings, each when its turn has come, until all have ended.

    Who iterates begins what is given out, and waits in between for trainings to end.

    Args:
        needs: The devices that each training needs for itself, in the order of their turns.
    """

    def __init__(self, needs: Sequence[Collection[str]]) -> None:
        self._needs = [set(devices) for devices in needs]
        self._left = len(needs)
        self._queues: dict[str, deque[int]] = {}
        for number, devices in enumerate(self._needs):
            for device in devices:
                self._queues.setdefault(device, deque()).append(number)
        self._ready = deque(number for number in range(len(needs)) if self._is_first(number))
        self._ended: SimpleQueue[int] = SimpleQueue()

    def __next__(self) -> int:
        """Return a training whose turn has come; wait for one where none has."""
        while not self._ready and self._left:
            self._take_note(self._ended.get())
        if not self._ready:
            raise StopIteration
        return self._ready.popleft()

    def ended(self, number: int) -> None:
        """Say, from any thread, that a training that was given out has ended."""
        self._ended.put(number)

    def _take_note(self, number: int) -> None:
        self._left -= 1
        followers = set()
        for device in self._needs[number]:
            queue = self._queues[device]
            queue.popleft()
            followers.update(list(queue)[:1])
        self._ready.extend(sorted(each for each in followers if self._is_first(each)))

    def _is_first(self, number: int) -> bool:
        return all(self._queues[device][0] == number for device in self._needs[number])
