"""The ablations' results as a table for people (Markdown) and for programs (CSV)."""

import csv
from collections.abc import Sequence
from dataclasses import asdict, dataclass, fields
from pathlib import Path


@dataclass(frozen=True)
class Result:
    """What a variant reached, and on what budget.

    Attributes:
        name: The variant's.
        change: What differs from the base.
        from_mask: Mean J&F in percent, prompted by the first frame's true mask.
        from_click: The same, prompted by one click.
        steps: Of training on clips.
        minutes: That they took here.
        millions: Parameters.
    """

    name: str
    change: str
    from_mask: float
    from_click: float
    steps: int
    minutes: float
    millions: float


def write_table(folder: Path, results: Sequence[Result], budget: str, clips: int) -> str:
    """Returns the table as Markdown, after writing ``ablations.md`` and ``ablations.csv``.

    Args:
        folder: Where to.
        results: The first is what the others are compared with.
        budget: How long each was trained, in words.
        clips: On how many clips they were measured.
    """
    base = results[0]
    lines = [
        "| variant | what differs | J&F, mask | | J&F, 1 click | | M parameters | minutes |",
        "|---|---|---|---|---|---|---|---|",
    ]
    for each in results:
        mask, click = each.from_mask - base.from_mask, each.from_click - base.from_click
        deltas = ("", "") if each is base else (f"{mask:+.1f}", f"{click:+.1f}")
        lines.append(
            f"| {each.name} | {each.change} | {each.from_mask:.1f} | {deltas[0]} "
            f"| {each.from_click:.1f} | {deltas[1]} | {each.millions:.2f} | {each.minutes:.1f} |"
        )
    lines += [
        "",
        f"Each variant was trained once on clips for {budget}, and measured on {clips} clips. A "
        "difference is only worth something where it is well above that of another seed.",
    ]
    text = "\n".join(lines)
    (folder / "ablations.md").write_text(text + "\n", encoding="utf-8")
    with (folder / "ablations.csv").open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, [entry.name for entry in fields(Result)])
        writer.writeheader()
        writer.writerows(asdict(result) for result in results)
    return text
