"""lungbench with stand-ins for what takes time and what this machine hasn't got.

Run by `benchmarks.scale`: as the command line, and by a worker as the flow `benchmark`. The
training child leaves what a training does, of a few images, and computes nothing. The machine seems
to have as many processors as an experiment names, so that hundreds of different cells can be had;
nothing is pinned to them. The looks at the machine before a run, and at the child while it runs,
are shorter.
"""

import sys
from typing import Any

from lungbench.run import child

PROCESSORS = 1000

_CHILD = """
import json, sys
from pathlib import Path
run = Path(sys.argv[-1])
job = json.loads((run / "spec.json").read_bytes())
classes = json.loads(Path(job["data"]).read_bytes())["classes"]
with (run / "epochs.jsonl").open("w") as log:
    for epoch in (1, 2):
        log.write(json.dumps({"epoch": epoch, "started_s": epoch, "train_s": 1.0,
                              "validation_s": 0.1, "images_per_s": 9.0, "loss": 1.0}) + chr(10))
rows = [["path", "true", "predicted", *("p_" + each for each in classes)]]
rows += [[each, each, classes[0], *("0.5" for _ in classes)] for each in classes]
(run / "predictions.csv").write_text(chr(10).join(",".join(row) for row in rows) + chr(10))
(run / "model.keras").write_text("weights")
(run / "training.json").write_text(json.dumps({"marks": {"started_s": 0.1, "built_s": 0.2}}))
"""

child.COMMAND = (sys.executable, "-c", _CHILD)

import lungbench.host  # noqa: E402 - what launches takes the child's command when it is imported
from lungbench.resources import disturbance  # noqa: E402
from lungbench.run import launch, watch  # noqa: E402

_STAND_INS: tuple[tuple[Any, str, object], ...] = (
    (lungbench.host, "_cpu_usable", lambda _root: PROCESSORS),
    (launch, "pick_cpus", lambda _threads: ()),
    (disturbance, "_LOOK_S", 0.2),
    (watch, "_LOOK_S", 0.05),
)
for module, name, stand_in in _STAND_INS:
    if not hasattr(module, name):
        raise SystemExit(f"{module.__name__}.{name} is no more; it needs another stand-in")
    setattr(module, name, stand_in)

from flows.benchmark import benchmark  # noqa: E402

__all__ = ["benchmark"]  # a worker's entrypoint

if __name__ == "__main__":
    from flows.cli import main

    main()
