"""Train one run for another host: what a work pool's worker executes.

Reads: an order, the images as this host has them. Writes: this host's own folder, and the run's
folder to the experiment's results location.
Runs: as a deployment in each work pool that an experiment's `[hosts]` names.
"""

import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextvars import copy_context

from prefect import flow
from prefect.client.schemas.objects import State
from prefect.runtime import flow_run as present
from prefect.states import Completed, Failed

from lungbench.delivery.errand import carry_out, prove
from lungbench.delivery.order import Order
from lungbench.errors import LungbenchError
from tasks.progress import reported
from tasks.train import state_of

FLOW_NAME = "train-on-host"
ENTRYPOINT = "flows.training.train_on_host"

_Work = Callable[[threading.Event], State]


@flow(name=FLOW_NAME, flow_run_name="{order.label}", persist_result=False)
def train_on_host(order: Order) -> State:
    """Train one run here and deliver its folder, or only prove that this host can.

    Args:
        order: What the flow that reports asks for.
    """
    return _stoppable(_training(order) if order.run_id else _proof(order))


def _training(order: Order) -> _Work:
    attempt, name = str(present.id), order.experiment.name

    def work(stop: threading.Event) -> State:
        record = carry_out(
            order, attempt, stop, watch=lambda spec, run_dir: reported(name, spec, run_dir)
        )
        return state_of(record)

    return work


def _proof(order: Order) -> _Work:
    attempt = str(present.id)

    def work(stop: threading.Event) -> State:
        proof = prove(order, attempt, stop)
        return Completed(message=f"{proof.host.hostname} is ready")

    return work


def _stoppable(work: _Work) -> State:
    """Do the work in a thread, so that this one, which is told to stop, can end it in order."""
    stop = threading.Event()
    with ThreadPoolExecutor(1, thread_name_prefix="errand") as thread:
        doing = thread.submit(copy_context().run, work, stop)
        try:
            return doing.result()
        except LungbenchError as error:
            return Failed(message=str(error))
        except BaseException:
            stop.set()  # leaving the thread's context waits for the record and its delivery
            raise
