"""A training that takes milliseconds and speaks the whole protocol: `tiny_child.py RUN_DIR`.

The process is `lungbench.train`, and `lungbench.training.keeper` writes its checkpoints and obeys
TERM. Stand-ins are Keras, of which the keeper uses a few names, and `lungbench.training.fit`: the
network is a block of bytes, a batch replaces it by what follows from its hash, and so does the
optimizer, a seed generator and the epoch's metric. So every bit of the state at every batch is
known, and one that is lost, mixed or counted twice shows in the result.

With `--forks` it answers requests on its input: a folder and a plan a line. Each is trained in a
process forked from this one, whose number it writes; then that process's exit code.
"""

import csv
import hashlib
import json
import os
import shutil
import sys
import time
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

from fault_points import PLAN_VARIABLE, Plan, Points, confine

if __name__ == "__main__":  # before numpy takes memory
    confine(Plan.here())

import numpy as np

EPOCHS_LINE = ("epoch", "loss", "accuracy", "val_loss", "val_accuracy")


class Variable:
    """One array, with the few things that the keeper does to a Keras variable."""

    def __init__(self, value: Any) -> None:
        self.value = np.asarray(value)

    @property
    def shape(self) -> tuple[int, ...]:
        return self.value.shape

    def assign(self, value: Any) -> None:
        self.value = np.array(value)


class Optimizer:
    def __init__(self) -> None:
        self.variables = [Variable(np.int64(0)), Variable(np.zeros(32, np.uint8))]

    def build(self, variables: Any) -> None:
        """Do nothing; the variables are there."""


class TinyNetwork:
    """A chain of hashes that looks like a compiled Keras model to the keeper."""

    output_shape = (None, 2)
    metrics: tuple[()] = ()

    def __init__(self, seed: int, size: int) -> None:
        self.weights, self.draws = Variable(_bytes(f"{seed}".encode(), size)), Variable(np.int64(0))
        self.optimizer = Optimizer()
        self.metrics_variables = [Variable(np.float64(0)), Variable(np.int64(0))]

    @property
    def variables(self) -> list[Variable]:
        return [self.weights, self.draws]

    @property
    def trainable_variables(self) -> list[Variable]:
        return [self.weights]

    def reset_metrics(self) -> None:
        for each in self.metrics_variables:
            each.assign(np.zeros_like(each.value))

    def step(self, epoch: int, batch: int) -> None:
        """Train on one batch."""
        digest = self.digest(f"train {epoch} {batch}")
        self.weights.assign(_bytes(digest, self.weights.value.size))
        self.draws.assign(self.draws.value + 1 + digest[0])
        steps, momentum = self.optimizer.variables
        steps.assign(steps.value + 1)
        momentum.assign(momentum.value ^ np.frombuffer(digest, np.uint8))
        total, count = self.metrics_variables
        total.assign(total.value + int.from_bytes(digest[:4]) / 2**32)
        count.assign(count.value + 1)

    def digest(self, what: str) -> bytes:
        """Return the hash of the whole state and of what is asked of it."""
        return _digest((*self.variables, *self.optimizer.variables, *self.metrics_variables), what)

    def judge(self, what: str) -> bytes:
        """Return what the network makes of an image; how it was trained so far is no matter."""
        return _digest(self.variables, what)

    @property
    def loss(self) -> float:
        total, count = self.metrics_variables
        return float(total.value / count.value)


def _digest(variables: Iterable[Variable], what: str) -> bytes:
    parts = (each.value.tobytes() for each in variables)
    return hashlib.sha256(b"".join((*parts, what.encode()))).digest()


def _bytes(seed: bytes, size: int) -> np.ndarray[Any, Any]:
    chosen = np.random.Generator(np.random.PCG64(int.from_bytes(seed)))
    return np.frombuffer(chosen.bytes(size), np.uint8)


def states(seed: int, size: int, epochs: int, steps: int) -> Iterator[tuple[int, int, bytes]]:
    """Yield complete epochs, batches of the next, and the hash of the state, from the start."""
    network = TinyNetwork(seed, size)
    for epoch in range(epochs):
        network.reset_metrics()
        for batch in range(steps):
            network.step(epoch, batch)
            if batch + 1 < steps:
                yield epoch, batch + 1, network.digest("state")
        yield epoch + 1, 0, network.digest("state")


def stand_in_for_keras() -> ModuleType:
    """Return a module with the names of Keras that `lungbench.training.keeper` uses."""

    class Callback:
        def __init__(self) -> None:
            self.model: Any = None

    keras, parts = ModuleType("keras"), {}
    for name in ("callbacks", "backend", "ops"):
        parts[name] = ModuleType(f"keras.{name}")
        setattr(keras, name, parts[name])
    parts["callbacks"].Callback = Callback  # type: ignore[attr-defined]
    parts["backend"].backend = lambda: "tensorflow"  # type: ignore[attr-defined]
    parts["ops"].convert_to_numpy = lambda each: each.value  # type: ignore[attr-defined]
    parts["ops"].zeros = np.zeros  # type: ignore[attr-defined]
    keras.Model = TinyNetwork  # type: ignore[attr-defined]
    return keras


def stand_in_for_fit(plan: Plan, points: Points) -> ModuleType:
    """Return a module with the one name of `lungbench.training.fit` that `lungbench.train` uses."""
    fit = ModuleType("lungbench.training.fit")
    fit.train = lambda job, run_dir, clock: train(  # type: ignore[attr-defined]
        job, run_dir, clock, plan, points
    )
    return fit


def train(job: Any, run_dir: Path, clock: Callable[[], float], plan: Plan, points: Points) -> Any:
    """Train as `lungbench.training.fit.train` does, file by file."""
    from lungbench.data.dataset import PreparedData
    from lungbench.files import write_atomically
    from lungbench.job import EPOCHS_FILE, MODEL_FILE, PREDICTIONS_FILE, Marks, Training
    from lungbench.training import keeper as keeping
    from lungbench.training.checkpoint import CHECKPOINT_FILE
    from lungbench.training.past import Past

    points.reach("start")
    if plan.every != "policy":
        keeping._SHARE = float("inf")
        keeping._LONGEST_S = 0.0 if plan.every == "batch" else float("inf")
    spec, data = job.spec, PreparedData.read(job.data)
    steps = -(-len(data.rows["train"]) // spec.batch_size)
    started_s = clock()
    network, past = TinyNetwork(spec.seed, plan.state_bytes), Past.found(run_dir, "cpu")
    if past.checkpoint:
        keeping.resume(network, past.checkpoint)
    marks = Marks(started_s=started_s, built_s=clock())
    write_atomically(
        run_dir / EPOCHS_FILE, "".join(each.model_dump_json() + "\n" for each in past.epochs)
    )
    log = EpochLog(run_dir, clock, past)
    kept = keeping.Kept(
        run_dir / CHECKPOINT_FILE, past.header(spec, data.fingerprint, clock, marks), clock
    )
    keeper = keeping.Keeper(kept, log, steps, past.checkpoint)
    keeper.model = network
    said = Training(marks=marks, device_seen="cpu", resumption=past.resumption)
    points.reach("built")
    pulse = Pulse(run_dir, plan.clock_jumps_s)
    try:
        _fit(network, spec, past, steps, plan, points, log, keeper, pulse)
    except keeping.Stopped:
        return said.model_copy(update={"stopped": True, "checkpoint_s": keeper.spent_s})
    fitted_s = clock()
    points.reach("fitted")
    _predict(network, data, run_dir / PREDICTIONS_FILE)
    pulse.beat()
    points.reach("predicted")
    evaluated_s = clock()
    with (run_dir / MODEL_FILE).open("wb") as file:
        file.write(network.judge("model") + network.weights.value.tobytes())
    points.reach("saved")
    shutil.rmtree(run_dir / "images", ignore_errors=True)
    reached = marks.model_copy(
        update={"fitted_s": fitted_s, "evaluated_s": evaluated_s, "saved_s": clock()}
    )
    return said.model_copy(update={"marks": reached, "checkpoint_s": keeper.spent_s})


def _fit(
    network: TinyNetwork,
    spec: Any,
    past: Any,
    steps: int,
    plan: Plan,
    points: Points,
    log: "EpochLog",
    keeper: Any,
    pulse: "Pulse",
) -> None:
    """Call back in the order in which Keras does."""
    first = past.batches
    keeper.on_train_begin()
    for epoch in range(len(past.epochs), spec.epochs_to_train):
        network.reset_metrics()
        log.on_epoch_begin()
        keeper.on_epoch_begin(epoch)
        for batch in range(first, steps):
            network.step(epoch, batch)
            time.sleep(plan.batch_s)
            keeper.on_train_batch_end(batch)
            pulse.beat()
            points.reach(f"batch:{epoch * steps + batch + 1}")
        first = 0
        log.on_epoch_end(epoch, network)
        keeper.on_epoch_end(epoch)
        points.reach(f"epoch:{epoch + 1}")
    keeper.on_train_end()


class EpochLog:
    """What `lungbench.training.fit.EpochLog` is to the keeper and to the run folder."""

    def __init__(self, run_dir: Path, clock: Callable[[], float], past: Any) -> None:
        from lungbench.job import EPOCHS_FILE

        self.epochs = list(past.epochs)
        self._path, self._clock, self._attempt = run_dir / EPOCHS_FILE, clock, past.attempt
        self._before_s, self._began_s = past.spent.epoch_s, clock()

    def pause(self, seconds: float) -> None:
        """Leave the checkpoint's time in; nobody measures here."""

    def epoch_s(self) -> float:
        return self._before_s + self._clock() - self._began_s

    def on_epoch_begin(self) -> None:
        self._began_s = self._clock()

    def on_epoch_end(self, epoch: int, network: TinyNetwork) -> None:
        from lungbench.record import Epoch

        train_s, self._before_s = self.epoch_s(), 0.0
        judged = network.judge("validate")
        line = Epoch(
            epoch=epoch + 1,
            attempt=self._attempt,
            started_s=self._began_s,
            train_s=train_s,
            validation_s=0.0,
            images_per_s=12 / max(train_s, 1e-9),
            loss=network.loss,
            accuracy=judged[0] / 255,
            val_loss=judged[1] / 255,
            val_accuracy=judged[2] / 255,
        )
        self.epochs.append(line)
        with self._path.open("a", encoding="utf-8") as file:
            file.write(line.model_dump_json() + "\n")
        _say(f"epoch {epoch + 1}")


class Pulse:
    """The heartbeat, on a host whose date may jump."""

    def __init__(self, run_dir: Path, jumps_s: float) -> None:
        from lungbench.job import HEARTBEAT_FILE

        self._path, self._jump_s = run_dir / HEARTBEAT_FILE, jumps_s

    def beat(self) -> None:
        self._path.touch()
        if self._jump_s:
            at = self._path.stat().st_mtime + self._jump_s
            os.utime(self._path, (at, at))
            self._jump_s = -self._jump_s


def _predict(network: TinyNetwork, data: Any, path: Path) -> None:
    rows, classes = data.rows["test"], data.classes
    with path.open("w", newline="", encoding="utf-8") as file:
        table = csv.writer(file)
        table.writerow(["path", "true", "predicted", *(f"p_{name}" for name in classes)])
        for row in rows:
            drawn = network.judge(f"diagnose {data.paths[row]}")
            scores = [1 + each for each in drawn[: len(classes)]]
            best = classes[scores.index(max(scores))]
            shares = (f"{score / sum(scores):.9g}" for score in scores)
            table.writerow([data.paths[row], data.paths[row].split("/")[0], best, *shares])


def main(run_dir: Path, plan: Plan) -> int:
    """Train in this process, as `python -m lungbench.train` does; return the exit code."""
    from lungbench import train as process

    points = Points(plan, run_dir)
    sys.modules["keras"] = stand_in_for_keras()
    sys.modules["lungbench.training.fit"] = stand_in_for_fit(plan, points)
    if plan.calls is not None and plan.only in run_dir.name:
        _watch_the_files(plan.calls, run_dir)
    if plan.clock_jumps_s:
        _make_the_date_jump(plan.clock_jumps_s)
    code = process.main(run_dir)
    points.reach("said")
    return code


def _watch_the_files(calls: dict[str, Any], run_dir: Path) -> None:
    if "record" in calls:
        from file_record import Recorder

        Recorder(Path(calls["record"]), run_dir).install()
    else:
        from file_calls import Calls

        Calls(calls).install()


def _make_the_date_jump(seconds: float) -> None:
    real, jumps = time.time, [seconds, -seconds]

    def jumping() -> float:
        jumps.append(jumps.pop(0))
        return real() + jumps[0]

    time.time = jumping


def _say(what: object) -> None:
    sys.stdout.write(f"{what}\n")
    sys.stdout.flush()


def _ended(code: int) -> None:
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(code)


def serve() -> None:
    """Train in forks of this process, one after the other."""
    import lungbench.data.dataset
    import lungbench.environment
    import lungbench.train

    sys.modules["keras"] = stand_in_for_keras()
    import lungbench.training.keeper

    host = lungbench.environment.describe_host(gpus=False)
    lungbench.environment.describe_host = lambda **_: host  # found once for all forks
    for line in sys.stdin:
        folder, plan = json.loads(line)
        if (pid := os.fork()) == 0:
            _train_in_a_fork(Path(folder), Plan(**plan))
        _say(pid)
        _, status = os.waitpid(pid, 0)
        _say(os.waitstatus_to_exitcode(status))


def _train_in_a_fork(run_dir: Path, plan: Plan) -> None:
    os.environ[PLAN_VARIABLE] = json.dumps(plan.__dict__)
    log = os.open(run_dir / "log.txt", os.O_WRONLY | os.O_CREAT | os.O_APPEND)
    nothing = os.open(os.devnull, os.O_RDONLY)
    for handle, target in ((nothing, 0), (log, 1), (log, 2)):
        os.dup2(handle, target)
    _ended(main(run_dir, plan))


if __name__ == "__main__":
    if sys.argv[1] == "--forks":
        serve()
    else:
        _ended(main(Path(sys.argv[1]), Plan.here()))
