from pathlib import Path

# Errors that live in the room that raises them count only where it was imported.
from lungbench import errors
from lungbench.errors import DataError, LungbenchError


def children(kind: type[LungbenchError]) -> set[str]:
    return {kind.__name__}.union(*(children(child) for child in kind.__subclasses__()))


def test_the_tree_in_the_docstring_is_complete() -> None:
    drawn = errors.__doc__ or ""
    assert all(name in drawn for name in children(LungbenchError))


def test_an_error_is_one_line_with_all_it_knows() -> None:
    error = DataError("Images\nmust be there.", received=Path("a"), expected="two", hint="add one.")
    assert str(error) == "Images must be there. Received: a. Expected: two. Next: add one."


def test_what_draws_nothing_in_a_name_is_spelled_out() -> None:
    error = DataError("It must be there.", received="a\x1b[2Jb\u202ec\udcff\u2028d")
    assert str(error) == r"It must be there. Received: a\x1b[2Jb\u202ec\udcff d."


def test_exit_codes_are_those_of_the_command_line_contract() -> None:
    codes = {
        errors.LungbenchError: 1,
        errors.TrainingFailed: 1,
        errors.ExperimentError: 2,
        errors.Refused: 3,
        errors.DataError: 3,
        errors.DeviceUnavailable: 3,
        errors.WeightsUnavailable: 3,
        errors.Interrupted: 130,
    }
    assert {kind: kind.exit_code for kind in codes} == codes


def test_no_terminal_obeys_the_name_of_a_file_in_an_error() -> None:
    error = DataError("Images must be read.", received="\x1b[2J\u202egnp.exe and \u00e9t\u00e9")
    assert str(error) == "Images must be read. Received: \\x1b[2J\\u202egnp.exe and \u00e9t\u00e9."
