from pathlib import Path

# Errors that live in the room that raises them count only where it was imported.
import lungbench.checkpoint
import lungbench.data.decode
import lungbench.seal  # noqa: F401
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
