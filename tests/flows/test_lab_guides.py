"""What the guides for labs tell people to write is accepted: units, commands, variables, cron."""

import re
import shlex
import shutil
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import pytest
import typer
from prefect.cli._app import _app as prefect
from prefect.settings import Settings
from prefect.settings.legacy import _get_valid_setting_names

from flows.cli import app

ROOT = Path(__file__).parents[2]
GUIDES = [ROOT / "docs" / f"{name}.md" for name in ("lab-server", "several-hosts", "hundred-hosts")]
LAB = GUIDES[0].read_text()
HERE = "/srv/lungbench/app"

UNIT = re.compile(r"`/etc/systemd/system/(\S+)`:\n\n```ini\n(.*?)```", re.DOTALL)
BLOCK = re.compile(r"```(?:console|cron)\n(.*?)```", re.DOTALL)
ASSIGNED = re.compile(r"[A-Z_]+=")
# Programs of the system, and those that a lab calls by way of them.
OTHERS = {
    *("apt", "cd", "chmod", "chown", "echo", "exit", "export", "git", "install", "mail", "make"),
    *("printf", "runuser", "set", "su", "systemctl", "systemd-analyze", "tail", "useradd"),
}


def units() -> dict[str, str]:
    """The units of the guide by name, with this checkout in the place of the lab's."""
    interpreter = str(Path(sys.executable).parent)
    return {
        name: text.replace(f"{HERE}/.venv/bin", interpreter).replace(HERE, str(ROOT))
        for name, text in UNIT.findall(LAB)
    }


def commands() -> list[list[str]]:
    """Every command that the guides show, as words."""
    found = []
    for guide in GUIDES:
        for block in BLOCK.findall(guide.read_text()):
            for line in map(str.strip, block.replace("\\\n", " ").splitlines()):
                if re.match(r"[$#] ", line):
                    found += parts(line[2:])
                elif re.match(r"[\d*]\S* \S+ \S+ \S+ \S+ ", line):
                    found += parts(line.split(maxsplit=5)[5])
        for _, text in UNIT.findall(guide.read_text()):
            found += [parts(line)[0] for line in re.findall(r"^Exec\w+=-?(.*)$", text, re.M)]
    return found


def parts(line: str) -> list[list[str]]:
    """Split a line of the shell at `&&`, `||` and `|`; leave out redirections and variables."""
    said = re.split(r"&&|\|\||\|", re.sub(r"2>&1|>>? *\S+", "", line))
    words = [shlex.split(part, comments=True) for part in said]
    return [[word for word in each if not ASSIGNED.match(word)] for each in words]


@pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="systemd is not installed")
def test_systemd_accepts_the_units(tmp_path: Path) -> None:
    for name, text in units().items():
        (tmp_path / name).write_text(text)
    ended = subprocess.run(
        ["systemd-analyze", "verify", "--man=no", *tmp_path.iterdir()],
        capture_output=True,
        text=True,
        check=False,
    )
    assert (ended.returncode, ended.stderr) == (0, "")  # an unknown key is a warning alone


def test_there_is_a_unit_of_the_server_and_one_of_the_worker() -> None:
    assert sorted(units()) == ["lungbench-server.service", "lungbench-worker.service"]


@pytest.mark.parametrize("guide", GUIDES, ids=lambda path: path.stem)
def test_prefect_knows_every_variable_that_is_set(guide: Path) -> None:
    named = set(re.findall(r"\bPREFECT_[A-Z_]+\b", guide.read_text()))
    assert named - _get_valid_setting_names(Settings) == set()


def test_every_command_that_is_shown_can_be_given() -> None:
    shown = commands()
    assert len(shown) > 20
    unknown = [words for words in shown if words and not is_understood(words)]
    assert unknown == []


def is_understood(words: list[str]) -> bool:
    program, *arguments = words
    match Path(program).name:
        case "prefect":
            given = [word for word in arguments if word != "--no-prompt"]
            prefect.parse_args(given, exit_on_error=False, print_error=False)
            return True
        case "lungbench":
            command = typer.main.get_group(app).commands[arguments[0]]
            command.make_context(arguments[0], arguments[1:])
            return True
        case "python":
            return arguments[0] == "-m" and find_spec(arguments[1]) is not None
    return program in OTHERS


def test_a_command_of_the_console_names_the_program_of_the_checkout() -> None:
    ours = [words[0] for words in commands() if Path(words[0]).name in {"prefect", "lungbench"}]
    assert {str(Path(program.strip("(")).parent) for program in ours} == {
        ".venv/bin",
        f"{HERE}/.venv/bin",  # of a unit
    }


@pytest.mark.parametrize(
    ("run", "history", "mailed"),
    [
        ("echo it broke; exit 3", "echo never asked", ["3", "it broke"]),
        ("echo a report", "echo slower; exit 1", ["1", "a report", "slower"]),
        ("echo a report", "echo no worse", None),
    ],
)
def test_a_night_that_goes_wrong_is_mailed_with_its_exit_code(
    run: str, history: str, mailed: list[str] | None, tmp_path: Path
) -> None:
    """The cron line of those who want no server, with stand-ins for lungbench and mail."""
    [block] = re.findall(r"```cron\n(.*?)```", LAB, re.DOTALL)
    line = block.split(maxsplit=5)[5].replace(f"cd {HERE}", f"cd {shlex.quote(str(tmp_path))}")
    assert "%" not in line  # which cron takes for the end of the line
    stand_in(tmp_path / ".venv/bin/lungbench", f'case "$1" in run) {run};; *) {history};; esac')
    stand_in(tmp_path / "bin/mail", 'printf "%s\\n" "$@" > mailed; cat >> mailed')
    path = {"PATH": f"{tmp_path / 'bin'}:/usr/bin:/bin"}
    subprocess.run(["sh", "-c", line], env=path, check=True)
    if mailed is None:
        assert not (tmp_path / "mailed").exists()
    else:
        code, *said = mailed
        subject = ["-s", f"lungbench: exit code {code}", "lab@example.org"]
        assert (tmp_path / "mailed").read_text().splitlines() == [*subject, *said]


@pytest.mark.parametrize(
    ("path", "served"),
    [
        ("", True),
        ("index.html", True),
        ("quick/20261123T020000Z/report.html", True),
        ("quick/20261123T020000Z/runs/cnn10__cpu/model.keras", False),
        ("quick/20261123T020000Z/runs/cnn10__cpu/report.html", False),
        ("quick/20261123T020000Z/flow.json", False),
        ("quick/report.html", False),
        (".cache/decoded/report.html", False),
        ("quick/20261123T020000Z/reportXhtml", False),
    ],
)
def test_the_proxy_serves_pages_alone_of_all_results(path: str, served: bool) -> None:
    [rule] = re.findall(r'location ~ "(.*)" {', LAB)
    assert bool(re.search(rule, f"/results/{path}")) is served


def stand_in(path: Path, does: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(f"#!/bin/sh\n{does}\n")
    path.chmod(0o755)
