"""The flow of a work pool's host, with a stand-in for the training child and quick signs of life.

The workers of the tests find it on PYTHONPATH.
"""

import os
import sys
from pathlib import Path

from lungbench.run import child

child.COMMAND = (sys.executable, str(Path(__file__).with_name("stand_in_child.py")))

import lungbench.delivery.errand  # noqa: E402 - after the stand-in took its place
import lungbench.host  # noqa: E402

lungbench.delivery.errand.SIGN_EVERY_S = 0.5
if version := os.environ.get("STAND_IN_KERAS"):
    real = lungbench.host._versions
    lungbench.host._versions = lambda nvml: real(nvml) | {"keras": version}

from flows.training import train_on_host  # noqa: E402

__all__ = ["train_on_host"]
