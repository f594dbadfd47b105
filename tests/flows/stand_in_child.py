"""A stand-in for the training child: it speaks the protocol and computes nothing.

After its first epoch it waits while the file exists that STAND_IN_WAITS names.
"""

import csv
import json
import os
import sys
import threading
import time
from pathlib import Path

run_dir = Path(sys.argv[1])
lifeline = int(os.environ["LUNGBENCH_LIFELINE"])
waits = Path(os.environ.get("STAND_IN_WAITS", "nowhere"))


def die_with_the_parent() -> None:
    os.read(lifeline, 1)
    os._exit(1)


threading.Thread(target=die_with_the_parent, daemon=True).start()
job = json.loads((run_dir / "spec.json").read_bytes())
data = json.loads(Path(job["data"]).read_bytes())
for number in range(1, job["spec"]["epochs"] + 1):
    epoch = {"epoch": number, "started_s": number, "train_s": 0.5, "images_per_s": 24, "loss": 1.0}
    with (run_dir / "epochs.jsonl").open("a" if number > 1 else "w") as epochs:
        epochs.write(json.dumps(epoch) + "\n")
    while waits.exists():
        time.sleep(0.02)
with (run_dir / "predictions.csv").open("w", newline="") as table:
    label = data["classes"][0]
    csv.writer(table).writerows([["path", "true", "predicted"], ["x", label, label]])
(run_dir / "model.keras").write_bytes(bytes(range(256)))
(run_dir / "training.json").write_text("{}")
