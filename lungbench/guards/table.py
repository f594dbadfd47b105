"""The guards of a report's times: what each measures, from where on it disturbs, what is said."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

from lungbench.counted import counted
from lungbench.guards import measures as measured
from lungbench.guards.measures import Measure, Runs

Outcome = Literal["pass", "warn", "fail", "unknown"]

# In percent of the host's CPU time: what others take, a training that wants the whole host lacks,
# so its epochs are late by about as much. 5 % is the size of a good run's own noise; 25 % is that
# of the effects one compares.
OTHER_LOAD_WARN_PERCENT, OTHER_LOAD_FAIL_PERCENT = 5.0, 25.0
# The same before a run, where 0.2 s are looked at: 10 % are 4 ticks of the kernel's clock on 2
# processors. During the run it is known better, so this never fails.
LOAD_BEFORE_WARN_PERCENT = 10.0
# A burst counts where it lasts: for a twentieth of the run at least a quarter of the host.
BURST_WARN_PERCENT = 25.0
# Of the CPU time that the machine asked for: an epoch is late by about as much. Two quiet repeats
# differ by some 2 %; 10 % is more than most changes that one wants to see.
STEAL_WARN_PERCENT, STEAL_FAIL_PERCENT = 2.0, 10.0
# Of the run's time, likewise; a quota that is ever used up is the quota's speed, not the machine's.
QUOTA_WARN_PERCENT, QUOTA_FAIL_PERCENT = 1.0, 10.0
# An idle context of another process holds 0.3 to 0.6 GiB, and the driver itself about as much.
GPU_MEMORY_WARN_GIB = 1.0
# A lowered clock in less than a twentieth of the run moves its mean by less than its noise.
GPU_THROTTLED_WARN_PERCENT = 5.0
# One repeat has no spread and so no interval. With two, t at 2 degrees of freedom is 4.3 standard
# errors wide; with three it is 2.8.
REPEATS_WARN_BELOW, REPEATS_FAIL_BELOW = 3, 2
# The first epoch holds tracing and compilation. Without another there is no steady epoch, and one
# alone can't show whether it was steady.
STEADY_WARN_BELOW, STEADY_FAIL_BELOW = 2, 1
# Median absolute deviation over median. pyperf calls a benchmark unstable from a standard
# deviation of 10 % of the mean, which is 10 / 1.4826 = 6.7 % in these terms for normal noise.
SPREAD_WARN_PERCENT, SPREAD_FAIL_PERCENT = 6.7, 20.0
# Of the readings that were due. A twentieth missing still bounds means well; with half missing
# nothing is known of the other half.
COVERAGE_WARN_BELOW_PERCENT, COVERAGE_FAIL_BELOW_PERCENT = 95.0, 50.0
# Of one core. The sampler may cost 1 %, the flow and its server about as much again.
TOOL_WARN_PERCENT, TOOL_FAIL_PERCENT = 3.0, 20.0
# The ledger is made to add up; beyond rounding, a difference is a mistake of this tool.
LEDGER_FAIL_PERCENT = 1.0


@dataclass(frozen=True, slots=True)
class Line:
    """One line of the table.

    Attributes:
        measure: The figure of a run, or of a cell's runs; None where they don't tell.
        calm: What is said where nothing is amiss, `{worst}` being the worst figure.
        alarm: What is said otherwise; `{limit}` is where it begins and `{count}` how many are
            beyond.
        warn: Where a figure begins to be a warning; beyond it, not at it.
        fail: The same of a failure; None never fails.
        advice: What to do next.
        unit: What stands after a figure.
        noun: What is counted, in place of a unit.
        each: What one figure is of.
        low: Whether small figures are the bad ones.
        concerns: Whether a group has to do with it at all.
        tell: Says the worst group's figure; None writes it as `figure` does.
    """

    name: str
    measure: Measure
    calm: str
    alarm: str
    warn: float
    fail: float | None
    advice: str
    unit: str = "%"
    noun: str = ""
    each: Literal["run", "cell"] = "run"
    low: bool = False
    concerns: Callable[[Runs], bool] = bool
    tell: Callable[[Runs], str] | None = None

    def beyond(self, value: float, limit: float | None) -> bool:
        """Return whether a figure is on the wrong side of a limit."""
        return limit is not None and (value < limit if self.low else value > limit)

    def outcome(self, value: float) -> Outcome:
        """Judge one figure."""
        if self.beyond(value, self.fail):
            return "fail"
        return "warn" if self.beyond(value, self.warn) else "pass"

    def figure(self, value: float) -> str:
        """Write one figure: `9.6%`, `12%`, `1 repeat`."""
        if self.noun:
            return counted(int(value), self.noun)
        whole = value >= 10 or value == int(value)  # noqa: PLR2004 - 9.6, but 12
        return f"{value:.0f}{self.unit}" if whole else f"{value:.1f}{self.unit}"


TABLE = (
    Line(
        "Other load before a run",
        measured.of_host("other_load_before_percent"),
        calm="Other processes took at most {worst} of the host just before a run.",
        alarm="Other processes took up to {worst} of the host just before a run, more than "
        "{limit} in {count}.",
        warn=LOAD_BEFORE_WARN_PERCENT,
        fail=None,
        advice="End what else runs on this machine, or wait for it, before the next benchmark.",
    ),
    Line(
        "Other load during a run",
        measured.of_host("other_load_percent"),
        calm="Other processes took at most {worst} of the host on average.",
        alarm="Other processes took up to {worst} of the host on average, more than {limit} in "
        "{count}: those times are of a busy machine.",
        warn=OTHER_LOAD_WARN_PERCENT,
        fail=OTHER_LOAD_FAIL_PERCENT,
        advice="Repeat these runs while nothing else runs on this machine.",
    ),
    Line(
        "Bursts of other load",
        measured.of_host("other_load_p95_percent"),
        calm="For 95% of every run's time, other processes took at most {worst} of the host.",
        alarm="For a twentieth of a run's time, other processes took {worst} of the host or more; "
        "it was more than {limit} in {count}.",
        warn=BURST_WARN_PERCENT,
        fail=None,
        advice="Look at the resources over time below for when that was; keep scheduled jobs "
        "(backups, updates, indexing) away from benchmarks.",
    ),
    Line(
        "Trainings at once on a host",
        measured.used("trainings_beside"),
        calm="No other training ran on its host beside a run.",
        alarm="Trainings ran at once on this host: on up to {worst} beside a run's own, in "
        "{count}; they share its memory, its disks and, on GPUs, its processors.",
        warn=0,
        fail=None,
        advice='Set measure.exclusive = "host" where times are to be compared.',
        noun="device",
        concerns=lambda runs: measured.used("trainings_beside")(runs) is not None,
    ),
    Line(
        "CPU time taken by the hypervisor",
        measured.stolen,
        calm="The hypervisor kept at most {worst} of the CPU time that this machine asked for.",
        alarm="This is a shared virtual machine: the hypervisor kept up to {worst} of the CPU "
        "time that it asked for, more than {limit} in {count}.",
        warn=STEAL_WARN_PERCENT,
        fail=STEAL_FAIL_PERCENT,
        advice="Use a machine with processors of its own (a dedicated instance, or bare metal), "
        "or more repeats at different hours.",
    ),
    Line(
        "CPU quota",
        measured.held_back,
        calm="No CPU quota held a run back for more than {worst} of its time.",
        alarm="A CPU quota of the container or job held runs back for up to {worst} of their "
        "time, more than {limit} in {count}.",
        warn=QUOTA_WARN_PERCENT,
        fail=QUOTA_FAIL_PERCENT,
        advice="Raise the quota, or ask for fewer threads than it grants (cpu:threads=N).",
    ),
    Line(
        "Others on the GPU",
        measured.strangers,
        calm="No other process computed on the selected GPUs.",
        alarm="Other processes, up to {worst} at once, computed on a selected GPU before or during "
        "{count}.",
        warn=0,
        fail=0,
        advice="End them, or wait: on a shared GPU every time is wrong.",
        unit="",
        concerns=measured.on_gpu,
    ),
    Line(
        "GPU memory before a run",
        measured.gpu_memory_gib,
        calm="At most {worst} of GPU memory was in use before a run.",
        alarm="Up to {worst} of GPU memory was in use before a run, more than {limit} in {count}: "
        "somebody else was there, in another container perhaps.",
        warn=GPU_MEMORY_WARN_GIB,
        fail=None,
        advice="Look with nvidia-smi, on the host rather than in a container, for whose it is.",
        unit=" GiB",
        concerns=measured.on_gpu,
    ),
    Line(
        "GPU clocks lowered",
        measured.used("gpu_throttled_percent"),
        calm="Power and heat lowered the GPU's clocks for at most {worst} of a run's time.",
        alarm="Power or heat lowered the GPU's clocks for up to {worst} of a run's time, more "
        "than {limit} in {count}.",
        warn=GPU_THROTTLED_WARN_PERCENT,
        fail=None,
        advice="Check cooling and power limit (nvidia-smi -q -d PERFORMANCE,POWER), or state them "
        "with the result: a cooler machine of this kind is faster.",
        concerns=measured.on_gpu,
    ),
    Line(
        "GPU slowed down by its hardware",
        measured.hardware_slowdowns,
        calm="The GPU's own protection never slowed it down.",
        alarm="The GPU protected itself from heat or from its power supply, in {count}; its "
        "clocks fall to a half or less then.",
        warn=0,
        fail=0,
        advice="Have cooling and power supply looked at, then repeat these runs.",
        unit="",
        concerns=measured.on_gpu,
    ),
    Line(
        "Repeats",
        lambda runs: float(len(runs)),
        calm="Every cell has {worst} or more.",
        alarm="The smallest cell has {worst}, and {count} fewer than {limit}. One has no "
        "interval at all, two have a very wide one.",
        warn=REPEATS_WARN_BELOW,
        fail=REPEATS_FAIL_BELOW,
        advice="Set matrix.repeats to 3 or more; 5 give intervals a third narrower than 3.",
        noun="repeat",
        each="cell",
        low=True,
    ),
    Line(
        "Steady epochs",
        measured.steady_epochs,
        calm="Every run has {worst} or more after its first.",
        alarm="A run has only {worst} after its first, and {count} fewer than {limit}.",
        warn=STEADY_WARN_BELOW,
        fail=STEADY_FAIL_BELOW,
        advice="Set train.epochs to 3 or more: the first epoch holds tracing and compilation.",
        noun="epoch",
        low=True,
    ),
    Line(
        "Spread of a run's epochs",
        measured.spread_of_epochs,
        calm="Steady epochs of one run deviate by at most {worst} from their median.",
        alarm="Steady epochs of one run deviate by up to {worst} from their median, more than "
        "{limit} in {count}.",
        warn=SPREAD_WARN_PERCENT,
        fail=SPREAD_FAIL_PERCENT,
        advice="See the other guards for a cause; without one, train more epochs a run.",
        concerns=lambda runs: len(measured.steady_s(runs[0])) > 1,
    ),
    Line(
        "Spread between repeats",
        measured.spread_of_repeats,
        calm="Repeats of one cell deviate by at most {worst} from their median.",
        alarm="Repeats of one cell deviate by up to {worst} from their median, more than {limit} "
        "in {count}.",
        warn=SPREAD_WARN_PERCENT,
        fail=SPREAD_FAIL_PERCENT,
        advice="See the other guards for a cause; without one, add repeats: the interval holds "
        "this spread and narrows with their number.",
        each="cell",
        concerns=measured.repeated,
    ),
    Line(
        "Readings",
        measured.used("coverage_percent"),
        calm="At least {worst} of the readings that were due were taken in every run.",
        alarm="Only {worst} of the readings that were due were taken, less than {limit} in "
        "{count}: what happened in between is not known.",
        warn=COVERAGE_WARN_BELOW_PERCENT,
        fail=COVERAGE_FAIL_BELOW_PERCENT,
        advice="The end of each run's log says why; a machine without a free moment misses some.",
        low=True,
    ),
    Line(
        "Resumed runs",
        measured.resumed,
        calm="Every run was trained in one go.",
        alarm="{count} went on from a checkpoint; their times are kept out of the comparison.",
        warn=0,
        fail=None,
        advice="Train them anew where their times are wanted; what they diagnose is not touched.",
        unit="",
    ),
    Line(
        "Test images that were trained on",
        measured.leaked_percent,
        calm="No test image was trained on.",
        alarm="{worst} were trained on, as the paper's were; the accuracy says nothing about new "
        "patients.",
        warn=0,
        fail=0,
        advice='Set data.split = "strict"; "paper" is there to repeat the paper.',
        concerns=lambda runs: measured.tested(runs) > 0,
        tell=measured.leaked_of_tested,
    ),
    Line(
        "This tool's own cost",
        measured.tool,
        calm="Sampler, flow and server together took at most {worst} of one core.",
        alarm="Sampler, flow and server together took up to {worst} of one core, more than "
        "{limit} in {count}.",
        warn=TOOL_WARN_PERCENT,
        fail=TOOL_FAIL_PERCENT,
        advice="Use --no-prefect or a server on another machine, and a longer "
        "measure.sample_interval_s.",
    ),
    Line(
        "Time ledger",
        measured.ledger,
        calm="The parts of every run's wall time add up to it, within {worst}.",
        alarm="The parts of a run's wall time miss it by up to {worst}, by more than {limit} in "
        "{count}.",
        warn=LEDGER_FAIL_PERCENT,
        fail=LEDGER_FAIL_PERCENT,
        advice="This is a mistake of lungbench: please report it with the run's folder.",
    ),
)
