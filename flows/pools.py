"""Have an execution's runs trained by other hosts, through Prefect's work pools.

Prefect queues and shows; what counts is what arrives at the results location. So a server that
restarts, a worker that is killed or a host that comes back a day later changes when a run is done,
and never what is reported of it.
"""

import logging
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from threading import Event
from typing import Literal
from uuid import UUID

from httpx import HTTPError
from prefect.exceptions import PrefectException
from prefect.states import Cancelled, Cancelling, Crashed

from flows.pool_proofs import common_versions, proven
from flows.pool_server import AnyState, PoolServer
from lungbench.delivery.gathering import Gathering
from lungbench.delivery.location import Unreachable
from lungbench.delivery.order import sign_name
from lungbench.delivery.parcel import Damaged, Parcel
from lungbench.device import Device
from lungbench.errors import LungbenchError, Refused
from lungbench.executions.execution import Execution
from lungbench.experiment import RunSpec
from lungbench.record import Host, Reason, ReasonKind
from lungbench.settings import Exclusive

POLL_S = 5.0
FAREWELL_S = 20.0
"""Below the 30 s after which a worker kills a flow run that is cancelled."""

_MOST_ATTEMPTS = 5

Verdict = Literal["wait", "take", "again", "lost"]

log = logging.getLogger("lungbench.pools")


def train_on_pools(execution: Execution, stop: Event) -> None:
    """Train what isn't complete on the hosts of the experiment's pools, and gather the results.

    Args:
        execution: Prepared; the caller holds it.
        stop: Ends it when set: the trainings end, with checkpoints on their hosts.

    Raises:
        Refused: A pool is missing, or its host can't do it or differs; nothing was started.
        Unreachable: The results location doesn't answer at the start.
    """
    gathering = Gathering(execution)
    for spec in execution.remaining():
        parcel = gathering.delivered(spec)  # while nobody gathered
        if parcel and parcel.status == "completed":
            gathering.take(spec, parcel)
    with PoolServer() as server:
        dispatch = _Dispatch(execution, gathering, server)
        if not dispatch.begin(stop):
            return
        try:
            dispatch.until_done(stop)
        finally:
            dispatch.end_what_is_left()


def queue_of(device: Device, exclusive: Exclusive) -> str:
    """Name the queue of a device: one for the host, or one for each of its processors."""
    if exclusive == "host":
        return "trainings"
    return f"trainings-{'cpu' if device.kind == 'cpu' else device.slug}"


def verdict(state: AnyState | None, status: str | None, *, silent: bool) -> Verdict:
    """Say what to do about a run.

    Args:
        state: Its flow run's; None where the server has lost it.
        status: How the run ended that was delivered; None where nothing was.
        silent: Whether its host gave no sign of life for too long.

    Returns:
        `take` what there is; queue it `again`; its flow run is `lost`; or `wait`.
    """
    if status not in (None, "interrupted"):
        return "take"
    if state is None or state.is_crashed() or state.is_completed():
        return "again"  # nothing came of it, and nobody asked for that
    if state.is_final():
        return "take"
    return "lost" if silent and not state.is_scheduled() else "wait"


@dataclass(slots=True)
class _Errand:
    """One run that another host trains.

    Attributes:
        sign: The last sign of life that was read, with the flow run's state.
        changed: When it changed, by this process's clock.
    """

    spec: RunSpec
    pool: str
    flow_run: UUID
    attempts: int = 1
    sign: object = None
    changed: float = field(default_factory=time.monotonic)

    def silent_s(self, sign: object) -> float:
        """Take note of a sign of life; return for how long there was no other."""
        if sign != self.sign:
            self.sign, self.changed = sign, time.monotonic()
        return time.monotonic() - self.changed


class _Dispatch:
    """The runs of an execution on their way to other hosts and back."""

    def __init__(self, execution: Execution, gathering: Gathering, server: PoolServer) -> None:
        if execution.experiment.delivery is None:
            raise Refused("[hosts] needs delivery.location.", received="none")
        self._experiment, self._settings = execution.experiment, execution.experiment.delivery
        self._remaining = execution.remaining()
        self._gathering, self._server = gathering, server
        self._errands: dict[str, _Errand] = {}
        self._hosts: dict[str, Host] = {}
        self._versions: dict[str, str] = {}
        self._alive: dict[str, float] = {}

    def begin(self, stop: Event) -> bool:
        """Order every run that isn't ordered; return False where that was stopped.

        Raises:
            Refused: A pool is missing, or its host can't do it or differs.
        """
        queues: dict[str, set[str]] = {}
        for spec in self._remaining:
            queues.setdefault(self._pool(spec), set()).add(self._queue(spec))
        for pool, names in queues.items():
            self._server.make_ready(pool, names)
        patience_s = min(self._settings.lost_after_s, self._settings.deadline_s)
        self._hosts = proven(self._gathering, self._server, list(queues), patience_s, stop)
        if stop.is_set() or not queues:
            return not stop.is_set()
        self._versions = common_versions(self._experiment, self._hosts)
        ordered = self._server.ordered(self._gathering.name)
        for spec in self._remaining:
            flow_run = ordered.get(spec.run_id) or self._order(spec)
            self._errands[spec.run_id] = _Errand(spec, self._pool(spec), flow_run)
        return True

    def until_done(self, stop: Event) -> None:
        """Gather what arrives until nothing is left, or somebody stops it."""
        while self._errands and not stop.is_set():
            with self._patiently():
                states = self._server.states(each.flow_run for each in self._errands.values())
                for errand in list(self._errands.values()):
                    self._step(errand, states.get(errand.flow_run))
                self._give_up_on_silent_pools()
            stop.wait(POLL_S)

    def end_what_is_left(self) -> None:
        """Cancel what is under way, wait a while for its records, and record the rest."""
        if not self._errands:
            self._gathering.clear()
            return
        with suppress(HTTPError, PrefectException):
            self._cancel([errand.flow_run for errand in self._errands.values()])
        for errand in list(self._errands.values()):
            with suppress(LungbenchError):
                if parcel := self._gathering.delivered(errand.spec):
                    self._gathering.take(errand.spec, parcel)
                    continue
            self._record(errand, "lost", "Interrupted before its host had delivered anything.")

    def _cancel(self, flow_runs: list[UUID]) -> None:
        for flow_run, state in self._server.states(flow_runs).items():
            if not state.is_final():
                self._server.end(flow_run, Cancelled() if state.is_scheduled() else Cancelling())
        deadline = time.monotonic() + FAREWELL_S
        while time.monotonic() < deadline:
            states = self._server.states(flow_runs).values()
            if all(state.is_final() for state in states):
                return
            time.sleep(1.0)

    def _step(self, errand: _Errand, state: AnyState | None) -> None:
        """Do what is to be done about one run now."""
        place = self._gathering.place.below(errand.spec.run_id)
        runs = state is not None and state.is_running()  # only then can there be a sign
        sign = (state and state.type, runs and place.read(sign_name(str(errand.flow_run))))
        silent = errand.silent_s(sign) > self._settings.lost_after_s
        over = silent or state is None or state.is_final()
        parcel = self._gathering.delivered(errand.spec) if over else None
        message = (state and state.message) or "It ended without a word."
        todo = verdict(state, parcel.status if parcel else None, silent=silent)
        if todo == "take":
            self._close(errand, parcel, "error" if state and state.is_failed() else "lost", message)
        elif todo == "lost":
            message = f"No sign of life for {self._settings.lost_after_s:g} s."
            self._server.end(errand.flow_run, Crashed(message=message))
        if todo in ("lost", "again"):
            self._again(errand, message)

    def _close(
        self, errand: _Errand, parcel: Parcel | None, kind: ReasonKind, message: str
    ) -> None:
        """Take what was delivered, else record why there is nothing."""
        if parcel is None:
            self._record(errand, kind, message)
            return
        try:
            self._gathering.take(errand.spec, parcel)
        except Damaged as error:
            self._again(errand, str(error))
        else:
            del self._errands[errand.spec.run_id]

    def _again(self, errand: _Errand, why: str) -> None:
        """Queue a run once more: its host goes on from its checkpoint, another one begins anew."""
        if errand.attempts >= _MOST_ATTEMPTS:
            message = f"{errand.attempts} attempts ended without a result; the last: {why}"
            self._record(errand, "lost", message)
            return
        log.info("%s: queued again: %s", errand.spec.label, why)
        errand.flow_run, errand.attempts = self._order(errand.spec), errand.attempts + 1
        errand.silent_s(None)

    def _record(self, errand: _Errand, kind: ReasonKind, message: str) -> None:
        reason = Reason(kind=kind, message=message)
        self._gathering.record(errand.spec, self._hosts[errand.pool], reason)
        del self._errands[errand.spec.run_id]

    def _give_up_on_silent_pools(self) -> None:
        """Record the runs of pools that gave no sign of life until the deadline."""
        now, deadline_s = time.monotonic(), self._settings.deadline_s
        message = (
            f"Its work pool gave no sign of life for longer than delivery.deadline_s = "
            f"{deadline_s:g} s."
        )
        for pool in {errand.pool for errand in self._errands.values()}:
            errands = [each for each in self._errands.values() if each.pool == pool]
            latest = max(errand.changed for errand in errands)
            if self._server.is_served(pool):
                latest = now
            self._alive[pool] = max(latest, self._alive.get(pool, 0.0))
            if now - self._alive[pool] > deadline_s:
                for errand in errands:
                    self._server.end(errand.flow_run, Cancelled(message=message))
                    self._record(errand, "lost", message)

    @contextmanager
    def _patiently(self) -> Iterator[None]:
        """Let the server or the location be gone for a while, which is no silence of the hosts."""
        try:
            yield
        except (HTTPError, PrefectException, Unreachable) as error:
            log.info("nothing can be gathered now: %s", str(error) or type(error).__name__)
            now = time.monotonic()
            self._alive = dict.fromkeys(self._alive, now)
            for errand in self._errands.values():
                errand.changed = now

    def _order(self, spec: RunSpec) -> UUID:
        order = self._gathering.order(self._pool(spec), spec.run_id, self._versions)
        return self._server.order(order, self._queue(spec))

    def _pool(self, spec: RunSpec) -> str:
        pool = self._experiment.pool_of(spec.device)
        if pool is None:
            raise Refused("Every device needs a work pool.", received=spec.device)
        return pool

    def _queue(self, spec: RunSpec) -> str:
        return queue_of(spec.device, self._experiment.measure.exclusive)
