"""Types of command-line options."""


def positive(text: str) -> int:
    """Returns the text as a positive integer.

    Raises:
        ValueError: the text is not one; ``argparse`` then names the option in its error.
    """
    number = int(text)
    if number < 1:
        raise ValueError(text)
    return number
