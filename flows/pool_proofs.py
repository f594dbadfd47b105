"""Before any training starts, a host of every work pool proves that it can do its part."""

import time
from contextlib import suppress
from threading import Event
from uuid import UUID

from httpx import HTTPError
from prefect.exceptions import PrefectException
from prefect.states import Cancelled

from flows.pool_server import AnyState, PoolServer
from lungbench.delivery.gathering import Gathering
from lungbench.delivery.order import Proof, check_versions, decisive, proof_name
from lungbench.errors import LungbenchError, Refused
from lungbench.experiment import Experiment
from lungbench.record import Host

_LOOK_S = 2.0
_QUEUE = "default"  # which has no limit: the question doesn't wait for trainings


def proven(
    gathering: Gathering, server: PoolServer, pools: list[str], patience_s: float, stop: Event
) -> dict[str, Host]:
    """Ask every pool; return a host of each, or fewer where `stop` was set.

    Args:
        gathering: The execution that asks.
        server: Has made the pools ready.
        pools: Their names.
        patience_s: How long a pool may give no sign of life.
        stop: Ends the wait when set.

    Raises:
        Refused: A host can't do it, or doesn't answer; in its own words.
    """
    asked = {pool: server.order(gathering.order(pool, None, versions={}), _QUEUE) for pool in pools}
    found: dict[str, Host] = {}
    alive = dict.fromkeys(pools, time.monotonic())
    try:
        while len(found) < len(pools) and not stop.wait(_LOOK_S):
            states = server.states(asked.values())
            for pool in asked.keys() - found.keys():
                state = states.get(asked[pool])
                if host := _answer(gathering, pool, asked[pool], state):
                    found[pool] = host
                elif (state and not state.is_scheduled()) or server.is_served(pool):
                    alive[pool] = time.monotonic()
                elif time.monotonic() - alive[pool] > patience_s:
                    raise _not_ready(pool, f"no worker gave a sign of life for {patience_s:.0f} s")
    finally:
        for flow_run in asked.values():
            _withdraw(server, flow_run)
    return found


def common_versions(experiment: Experiment, hosts: dict[str, Host]) -> dict[str, str]:
    """Return the versions that all hosts share of what decides a result.

    Nothing where the experiment lets hosts differ.

    Raises:
        Refused: They differ; every package is named.
    """
    if not experiment.delivery or experiment.delivery.allow_mixed:
        return {}
    backends = experiment.matrix.backends
    first, *others = [decisive(host.versions, backends) for host in hosts.values()]
    for pool, versions in zip(list(hosts)[1:], others, strict=True):
        try:
            check_versions(first, versions)
        except LungbenchError as error:
            raise _not_ready(pool, error) from None
    return first


def _answer(gathering: Gathering, pool: str, flow_run: UUID, state: AnyState | None) -> Host | None:
    if text := gathering.place.read(proof_name(str(flow_run))):
        return Proof.model_validate_json(text).host
    if state is None or state.is_final():
        raise _not_ready(pool, (state and state.message) or "its flow run ended without a word")
    return None


def _withdraw(server: PoolServer, flow_run: UUID) -> None:
    """Take back a question that nobody has answered."""
    with suppress(HTTPError, PrefectException):
        state = server.states([flow_run]).get(flow_run)
        if state and not state.is_final() and not state.is_running():
            server.end(flow_run, Cancelled())


def _not_ready(pool: str, why: object) -> Refused:
    return Refused("Every work pool of [hosts] must be ready.", received=f"{pool}: {why}")
