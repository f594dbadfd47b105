"""What a test says where its images were trained on, as the paper's were (section III.B)."""

from reports.forms import format as fmt
from reports.results.load import Results


def leak_sentence(execution: Results) -> str | None:
    """Say how many test images were trained on, and what that makes of the accuracy.

    Returns:
        None where there are none, or nothing tells.
    """
    known = next((run.record.data for run in execution.runs if run.record.data.leaked), None)
    if known is None:
        return None
    of = f"{fmt.count(known.leaked)} of {fmt.count(sum(known.counts['test'].values()))}"
    whose = "The split is the paper's: " if _is_papers(execution) else ""
    return f"{whose}{of} test images were trained on; the accuracy says nothing about new patients."


def _is_papers(execution: Results) -> bool:
    asked = execution.data or (execution.experiment.data if execution.experiment else None)
    return asked is not None and asked.split == "paper"
