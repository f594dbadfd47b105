"""What the short names of devices, precisions and pipelines mean, for who never saw them."""

from lungbench.device import Device
from reports.comparing.comparison import Study
from reports.forms.blocks import Fact

_TERMS = {
    "float32": "arithmetic with 32 bits a number, the usual precision.",
    "mixed_float16": "arithmetic with 16 bits a number (float16), weights kept with 32.",
    "mixed_bfloat16": (
        "arithmetic with 16 bits a number (bfloat16, with the range of float32), weights kept "
        "with 32."
    ),
    "cached": "a pipeline that decodes every image once, before the training.",
    "paper": (
        "the paper's pipeline, which reads, decodes and augments the image files anew in every "
        "epoch."
    ),
}


def device_words(device: str) -> str:
    """Return how a sentence calls a device: `2 CPU threads`, `the whole CPU`, `GPU 0`."""
    found = Device.parse(device)
    if found.kind == "gpu":
        return "all GPUs" if found.index is None else f"GPU {found.index}"
    if found.threads is None:
        return "the whole CPU"
    return "1 CPU thread" if found.threads == 1 else f"{found.threads} CPU threads"


def terms_of(study: Study) -> tuple[Fact, ...]:
    """Explain the short names that the cells of a report are called by, and no others."""
    cells = [each.cell for each in study.comparisons]
    devices = dict.fromkeys(cell.key.device for cell in cells)
    variants = {value for cell in cells for value in cell.name.variant.values()}
    return (
        *(Fact(device, f"training on {device_words(device)}.") for device in devices),
        *(Fact(value, meaning) for value, meaning in _TERMS.items() if value in variants),
    )
