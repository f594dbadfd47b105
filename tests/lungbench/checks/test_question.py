import os
import sys
from pathlib import Path

import pytest

from lungbench.checks.question import Answer, ask


def test_the_last_line_is_the_answer() -> None:
    assert ask("print('noise'); print('{\"gpus\": 2}')").facts == {"gpus": 2}


def test_variables_are_set_beside_ones_own() -> None:
    program = (
        "import json, os; print(json.dumps({'a': os.environ['A'], 'path': 'PATH' in os.environ}))"
    )
    assert ask(program, {"A": "1"}).facts == {"a": "1", "path": "PATH" in os.environ}


@pytest.mark.parametrize("program", ["", "print('no json')", "print(3)", "import os; os._exit(9)"])
def test_anything_but_an_object_is_no_answer(program: str) -> None:
    answer = ask(program)
    assert answer.facts is None
    assert not answer.late


def test_the_last_words_name_the_exception() -> None:
    assert ask("import no_such_module").last_words == (
        "ModuleNotFoundError: No module named 'no_such_module'"
    )
    assert Answer().last_words == "it said nothing"


def test_a_program_that_hangs_is_late_and_ended(tmp_path: Path) -> None:
    note = tmp_path / "pid"
    program = (
        "import os, pathlib, time\n"
        f"pathlib.Path({str(note)!r}).write_text(str(os.getpid()))\n"
        "time.sleep(600)"
    )
    timeout_s = 1.0
    while not note.exists():  # a busy machine may need longer to start Python at all
        assert ask(program, timeout_s=timeout_s) == Answer(late=True)
        timeout_s *= 2
    with pytest.raises(ProcessLookupError):
        os.kill(int(note.read_text()), 0)


def test_a_package_in_the_working_folder_is_not_taken(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "json.py").write_text("raise SystemExit('the wrong json')")
    monkeypatch.chdir(tmp_path)
    assert ask("import json; print(json.dumps({'fine': True}))").facts == {"fine": True}


def test_a_python_that_cannot_be_started_is_no_answer(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "executable", "/no/such/python")
    answer = ask("pass")
    assert answer.facts is None
    assert "No such file" in answer.messages
