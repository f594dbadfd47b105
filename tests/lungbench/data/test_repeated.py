from lungbench.data.repeated import Repeated


def test_a_value_is_none_until_it_is_set() -> None:
    column: Repeated[str] = Repeated(3)
    column.set(1, "a")
    assert [column[at] for at in range(5)] == [None, "a", None, None, None]


def test_a_column_grows_where_a_value_is_set() -> None:
    column: Repeated[str] = Repeated()
    column.set(7, None)
    column.set(4, "a")
    column.set(4, "b")
    assert [column[at] for at in range(8)] == [None] * 4 + ["b"] + [None] * 3


def test_equal_values_have_one_number_and_none_has_zero() -> None:
    column: Repeated[str] = Repeated()
    for position, value in enumerate(("b", "a", None, "b")):
        column.set(position, value)
    assert column.numbers(6).tolist() == [1, 2, 0, 1, 0, 0]
