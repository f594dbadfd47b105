"""The guards on a report's images: whether testing knows of training, and whether lungs matter."""

from collections.abc import Sequence

from lungbench.counted import counted
from lungbench.data.audit import Audit
from lungbench.guards.judging import Guard
from reports.comparing.comparison import Study
from reports.comparing.shortcuts import Contest, beats_guessing, contests
from reports.forms import format as fmt
from reports.results.load import Results

LEAKS = "Testing apart from training"
SHORTCUTS = "More than shortcuts"

_SHORTCUT_ADVICE = (
    "Read the accuracies as at most what the table of shortcuts leaves of them; take every class "
    "from every source, or test on a source of its own."
)


def audit_guards(executions: Sequence[Results], study: Study) -> tuple[Guard, ...]:
    """Return the guards on the images; none where no images were audited."""
    audited = [(each, each.audit) for each in executions if each.audit and each.completed]
    guards = (_leaks(audited), _shortcuts(contests(executions, study)))
    return tuple(guard for guard in guards if guard)


def _leaks(audited: Sequence[tuple[Results, Audit]]) -> Guard | None:
    if not audited:
        return None
    found = [(run, finding) for run, audit in audited for finding in audit.about("leaks")]
    failed = [(run, finding) for run, finding in found if finding.outcome == "fail"]
    if not failed:
        untold = list(dict.fromkeys(it.found for _, it in found if it.outcome == "unknown"))
        calm = "No test image, and no copy or near-duplicate of one, was trained on."
        return Guard(LEAKS, "pass", " ".join((calm, *untold)))
    runs = dict.fromkeys(
        run.record.spec.label for execution, _ in failed for run in execution.completed
    )
    said = dict.fromkeys(finding.found for _, finding in failed)
    advice = dict.fromkeys(finding.advice for _, finding in failed if finding.advice)
    return Guard(LEAKS, "fail", " ".join(said), " ".join(advice), tuple(runs))


def _shortcuts(found: Sequence[Contest]) -> Guard | None:
    """Judge the networks by the shortcuts; where these don't beat guessing, there are none."""
    known = [each for each in found if each.shown]
    beaten = [each for each in known if beats_guessing(each.baselines)]
    if not known:
        return None
    if not beaten:
        said = "No logistic regression without anatomy is shown to beat guessing on these images."
        return Guard(SHORTCUTS, "pass", said)
    best = max(_accuracy(each) for each in beaten)
    no_better = [each for each in beaten if each.shown != "better"]
    without = f"What needs no lungs to be seen is enough for {fmt.share(best)} of the test images"
    if not no_better:
        said = f"{without}; every network is shown to be better, and only by that much."
        return Guard(SHORTCUTS, "warn", said, _SHORTCUT_ADVICE, _labels(beaten))
    count = f"{len(no_better)} of {counted(len(beaten), 'cell')}"
    worse = sum(each.shown == "worse" for each in no_better)
    which = f", {fmt.count(worse)} of them shown to be worse" if worse else ""
    said = f"{without}, and {count} are not shown to be better{which}."
    return Guard(SHORTCUTS, "fail", said, _SHORTCUT_ADVICE, _labels(no_better))


def _accuracy(contest: Contest) -> float:
    return contest.baselines.best_baseline.right / len(contest.baselines.test)


def _labels(found: Sequence[Contest]) -> tuple[str, ...]:
    return tuple(run.spec.label for each in found for run in each.cell.runs)
