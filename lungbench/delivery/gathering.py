"""The execution of the host that reports: what others deliver goes in, and what never came."""

import logging
import shutil
from contextlib import suppress
from datetime import UTC, datetime

from lungbench.data.dataset import DATA_FILE, PreparedData
from lungbench.delivery.location import Unreachable
from lungbench.delivery.order import Order, place_of
from lungbench.delivery.parcel import Damaged, Parcel, best_of, receive
from lungbench.executions.execution import Execution, record_name
from lungbench.executions.seal import seal, unseal
from lungbench.experiment import RunSpec
from lungbench.record import Host, Reason, RunRecord, write_record

log = logging.getLogger("lungbench.delivery")


class Gathering:
    """An execution whose runs are trained elsewhere.

    Args:
        execution: Prepared, with a results location; the caller holds it.

    Attributes:
        name: `<experiment>/<started>`.
        place: Its folder at the results location.

    Raises:
        LungbenchError: The location can't be opened, or the data can't be read.
    """

    def __init__(self, execution: Execution) -> None:
        folder = execution.folder
        self._execution = execution
        self.name = f"{folder.parent.name}/{folder.name}"
        self.place = place_of(execution.experiment, self.name)
        self._data = PreparedData.read(folder / DATA_FILE)

    def order(self, pool: str, run_id: str | None, versions: dict[str, str]) -> Order:
        """Return what a pool is asked: one training, or without one to prove itself."""
        return Order(
            execution=self.name,
            experiment=self._execution.experiment,
            pool=pool,
            fingerprint=self._data.fingerprint,
            run_id=run_id,
            versions=versions,
        )

    def delivered(self, spec: RunSpec) -> Parcel | None:
        """Return what was delivered of a run.

        Raises:
            Unreachable: The location can't be looked at.
        """
        return best_of(self.place.below(spec.run_id))

    def take(self, spec: RunSpec, parcel: Parcel) -> None:
        """Put a run's delivered folder into the execution, checked; forget one that is damaged.

        Raises:
            Damaged: It isn't what was sent.
            Unreachable: The location doesn't answer.
            OSError: The execution can't be written.
        """
        place, folder, name = self.place.below(spec.run_id), self._execution.folder, spec.run_id
        unseal(folder, [record_name(name)])
        run_dir, fingerprint = self._execution.run_dir(spec), self._data.of_fold(spec.fold)
        try:
            record = receive(parcel, place, run_dir, spec=spec, fingerprint=fingerprint.fingerprint)
        except Damaged:
            self._forget(spec)
            raise
        seal(folder, [record_name(name)])
        log.info("%s: %s on %s", spec.label, record.status, parcel.hostname)
        self._forget(spec)

    def record(self, spec: RunSpec, host: Host, reason: Reason) -> None:
        """Record a run that never came, in place of what is known of earlier attempts.

        Args:
            spec: The run.
            host: One of the pool that it was ordered from.
            reason: Why; an `error` is a failure, all else an interruption.

        Raises:
            OSError: The execution can't be written.
        """
        run_dir, name = self._execution.run_dir(spec), record_name(spec.run_id)
        shutil.rmtree(run_dir, ignore_errors=True)
        run_dir.mkdir(parents=True)
        unseal(self._execution.folder, [name])
        record = RunRecord(
            run_id=spec.run_id,
            status="failed" if reason.kind == "error" else "interrupted",
            reason=reason,
            started=datetime.now(UTC),
            spec=spec,
            host=host,
            data=self._data.of_fold(spec.fold).facts(),
        )
        write_record(record, run_dir)
        seal(self._execution.folder, [name])
        log.info("%s: %s: %s", spec.label, record.status, reason.message)

    def clear(self) -> None:
        """Remove what is left at the results location once every run is here."""
        with suppress(Unreachable):
            self.place.remove()

    def _forget(self, spec: RunSpec) -> None:
        with suppress(Unreachable):  # what stays is removed with the rest
            self.place.below(spec.run_id).remove()
