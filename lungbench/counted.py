"""Numbers of things in words."""


def counted(number: int, noun: str) -> str:
    """Write a number of things: `1 run`, `3 runs`, `1,200 runs`."""
    return f"{number:,} {noun}{'' if number == 1 else 's'}"
