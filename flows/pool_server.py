"""What the flow that reports asks of Prefect's server about the trainings of other hosts."""

from collections.abc import Iterable, Mapping
from contextlib import suppress
from datetime import UTC, datetime
from typing import Any, Self
from uuid import UUID, uuid4

from prefect.client.orchestration import SyncPrefectClient, get_client
from prefect.client.schemas.filters import (
    FlowFilter,
    FlowFilterName,
    FlowRunFilter,
    FlowRunFilterId,
    FlowRunFilterTags,
    WorkPoolFilter,
    WorkPoolFilterName,
)
from prefect.client.schemas.objects import FlowRun, State, Worker, WorkerStatus
from prefect.deployments import run_deployment
from prefect.exceptions import ObjectAlreadyExists, ObjectNotFound

from flows.training import ENTRYPOINT, FLOW_NAME, train_on_host
from lungbench.delivery.order import Order
from lungbench.errors import Refused

AnyState = State[Any]

ENVIRON = {
    "PREFECT_LOGGING_EXTRA_LOGGERS": "lungbench,flows",
    "PREFECT_RESULTS_DEFAULT_SERIALIZER": "json",
}
"""Of the processes that train: without the first nobody is told whom a training waits for."""

_TAG = "lungbench"
_HEARTBEAT_S = 30.0  # Prefect's default
_AT_ONCE = 200  # flow runs a question


class PoolServer:
    """Prefect's server, as far as work pools go; use it in the main thread of a flow."""

    def __enter__(self) -> Self:
        self._connection = get_client(sync_client=True)
        self._client: SyncPrefectClient = self._connection.__enter__()
        self._deployments: dict[str, UUID] = {}
        return self

    def __exit__(self, *error: object) -> None:
        self._connection.__exit__(None, None, None)

    def make_ready(self, pool: str, queues: Iterable[str]) -> None:
        """Find a pool's deployment or make it, and its queues, each for one run at a time.

        Raises:
            Refused: There is no such pool.
        """
        try:
            self._client.read_work_pool(pool)
        except ObjectNotFound:
            raise Refused(
                "Every work pool of [hosts] must exist.",
                received=pool,
                hint=f"`prefect work-pool create '{pool}' --type process`, and start a worker.",
            ) from None
        self._deployments[pool] = self._deployment(pool) or self._deployed(pool)
        for queue in queues:
            with suppress(ObjectAlreadyExists):  # a lab may have raised its limit
                self._client.create_work_queue(queue, concurrency_limit=1, work_pool_name=pool)

    def order(self, order: Order, queue: str) -> UUID:
        """Put an order into its pool's queue; return the flow run."""
        ordered: FlowRun = run_deployment(  # type: ignore[assignment]  # in a flow it waits
            self._deployments[order.pool],
            parameters={"order": order.model_dump(mode="json")},
            flow_run_name=order.label,
            tags=[_TAG, order.execution],
            timeout=0,
            work_queue_name=queue,
            # The client asks again where an answer came too late; that is no second order.
            idempotency_key=str(uuid4()),
        )
        return ordered.id

    def ordered(self, execution: str) -> dict[str, UUID]:
        """Return the flow runs of an execution that aren't at their end, by their training."""
        wanted = FlowRunFilter(tags=FlowRunFilterTags(all_=[_TAG, execution]))
        found: dict[str, UUID] = {}
        for run in self._read(wanted):
            run_id = (run.parameters.get("order") or {}).get("run_id")
            if run_id and run.state and not run.state.is_final():
                found[run_id] = run.id
        return found

    def states(self, flow_runs: Iterable[UUID]) -> Mapping[UUID, AnyState]:
        """Return the states of flow runs; one that the server has lost is left out."""
        ids = list(flow_runs)
        found: dict[UUID, AnyState] = {}
        for start in range(0, len(ids), _AT_ONCE):
            some = FlowRunFilter(id=FlowRunFilterId(any_=ids[start : start + _AT_ONCE]))
            found |= {run.id: run.state for run in self._read(some) if run.state}
        return found

    def is_served(self, pool: str) -> bool:
        """Return whether a worker of the pool gave a sign of life lately."""
        workers = self._client.read_workers_for_work_pool(pool)
        return any(_is_alive(worker) for worker in workers)

    def end(self, flow_run: UUID, state: AnyState) -> None:
        """Set the state of a flow run, whatever it was."""
        with suppress(ObjectNotFound):
            self._client.set_flow_run_state(flow_run, state, force=state.is_final())

    def _read(self, wanted: FlowRunFilter) -> list[FlowRun]:
        found: list[FlowRun] = []
        while True:
            page = self._client.read_flow_runs(
                flow_run_filter=wanted, limit=_AT_ONCE, offset=len(found)
            )
            found += page
            if len(page) < _AT_ONCE:
                return found

    def _deployment(self, pool: str) -> UUID | None:
        found = self._client.read_deployments(
            flow_filter=FlowFilter(name=FlowFilterName(any_=[FLOW_NAME])),
            work_pool_filter=WorkPoolFilter(name=WorkPoolFilterName(any_=[pool])),
        )
        return found[0].id if found else None

    def _deployed(self, pool: str) -> UUID:
        from prefect.utilities.callables import parameter_schema

        return self._client.create_deployment(
            flow_id=self._client.create_flow(train_on_host),
            name=f"{_TAG}-train-{pool}",
            description="Train one run for another host, and deliver its folder.",
            entrypoint=ENTRYPOINT,
            work_pool_name=pool,
            tags=[_TAG],
            pull_steps=[],
            job_variables={"env": ENVIRON},
            parameter_openapi_schema=parameter_schema(train_on_host).model_dump_for_openapi(),
        )


def _is_alive(worker: Worker) -> bool:
    if worker.status != WorkerStatus.ONLINE or worker.last_heartbeat_time is None:
        return False
    silent_s: float = (datetime.now(UTC) - worker.last_heartbeat_time).total_seconds()
    return silent_s < 3.0 * (worker.heartbeat_interval_seconds or _HEARTBEAT_S)
