"""Numbers on the command line."""


def positive(text: str) -> int:
    """Returns a whole number from 1; ``argparse`` names the option and the value otherwise.

    Raises:
        ValueError: the text is none.
    """
    number = int(text)
    if number < 1:
        raise ValueError(text)
    return number
