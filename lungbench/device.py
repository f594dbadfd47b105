"""A device is an environment for a process: parsed here, printed here, rendered here.

Nothing here looks at the machine; whether a device exists is asked in `lungbench.host`.
"""

import re
from dataclasses import dataclass
from typing import Any, Literal

from pydantic import GetCoreSchemaHandler
from pydantic_core import core_schema

ACCEPTED = "cpu, cpu:threads=N (N from 1), gpu:N (N from 0) or gpu:all"

_THREADS = re.compile(r"cpu:threads=([1-9][0-9]{0,3})")
_GPU = re.compile(r"gpu:(0|[1-9][0-9]{0,2}|all)")

# What each library reads to size its thread pools.
_THREAD_VARIABLES = (
    "OMP_NUM_THREADS",
    "MKL_NUM_THREADS",
    "OPENBLAS_NUM_THREADS",
    "TF_NUM_INTRAOP_THREADS",
)


@dataclass(frozen=True, slots=True, order=True)
class Device:
    """`cpu`, `cpu:threads=4`, `gpu:0` or `gpu:all`.

    Attributes:
        kind: The processor that trains.
        threads: Threads and cores it may use; None is all that are usable. CPU only.
        index: Position in PCI bus order, or None for all. GPU only.
    """

    kind: Literal["cpu", "gpu"]
    threads: int | None = None
    index: int | None = None

    @classmethod
    def parse(cls, text: str) -> "Device":
        """Read a device as an experiment file spells it.

        Raises:
            ValueError: The text is none of the accepted spellings.
        """
        if text == "cpu":
            return cls("cpu")
        if match := _THREADS.fullmatch(text):
            return cls("cpu", threads=int(match[1]))
        if match := _GPU.fullmatch(text):
            return cls("gpu", index=None if match[1] == "all" else int(match[1]))
        raise ValueError(f"{text!r} is no device; expected {ACCEPTED}")

    def __str__(self) -> str:
        if self.kind == "gpu":
            return f"gpu:{'all' if self.index is None else self.index}"
        return "cpu" if self.threads is None else f"cpu:threads={self.threads}"

    @property
    def slug(self) -> str:
        """The spelling used in file names: `cpu`, `cpu.t4`, `gpu.0`, `gpu.all`."""
        return str(self).replace("threads=", "t").replace(":", ".")

    @property
    def is_all_gpus(self) -> bool:
        """Whether this is `gpu:all`, every GPU that a process can see."""
        return self.kind == "gpu" and self.index is None

    def environ(self) -> dict[str, str]:
        """Return the environment variables that confine a process to this device."""
        if self.kind == "gpu":
            return {
                "CUDA_DEVICE_ORDER": "PCI_BUS_ID",
                **({} if self.index is None else {"CUDA_VISIBLE_DEVICES": str(self.index)}),
                "TF_FORCE_GPU_ALLOW_GROWTH": "true",
                "XLA_PYTHON_CLIENT_PREALLOCATE": "false",
            }
        hidden = {"CUDA_VISIBLE_DEVICES": "-1", "JAX_PLATFORMS": "cpu"}
        if self.threads is None:
            return hidden
        return hidden | dict.fromkeys(_THREAD_VARIABLES, str(self.threads))

    def unsuited(self, backend: str) -> str | None:
        """Say why a backend can't train on this device, wherever that is; None where it can."""
        if not self.is_all_gpus or backend == "tensorflow":
            return None
        return (
            f"{self} shares a training by TensorFlow's MirroredStrategy; "
            f"{backend} trains on one GPU here, such as gpu:0"
        )

    @classmethod
    def _given(cls, value: object) -> "Device":
        return value if isinstance(value, cls) else cls.parse(str(value))

    @classmethod
    def __get_pydantic_core_schema__(
        cls, source: Any, handler: GetCoreSchemaHandler
    ) -> core_schema.CoreSchema:
        """Let experiment files and records hold a device as its text."""
        return core_schema.json_or_python_schema(
            json_schema=core_schema.no_info_after_validator_function(
                cls.parse, core_schema.str_schema()
            ),
            python_schema=core_schema.no_info_plain_validator_function(cls._given),
            serialization=core_schema.plain_serializer_function_ser_schema(
                str, return_schema=core_schema.str_schema()
            ),
        )
