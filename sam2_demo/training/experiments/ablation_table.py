"""The results of the ablations as a table, in Markdown and in CSV."""

import csv
from collections.abc import Sequence
from dataclasses import asdict, dataclass, fields
from pathlib import Path


@dataclass(frozen=True)
class Result:
    """The scores and the cost of a variant.

    Attributes:
        name: Name of the variant.
        change: How it differs from the base.
        from_mask: Mean J&F in percent, prompted with the true mask on the first frame.
        from_click: The same, prompted with one click.
        steps: Training steps on clips.
        minutes: How long they took.
        millions: Number of parameters, in millions.
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
        folder: The folder of both files.
        results: The first one is the base of the comparison.
        budget: How long each variant was trained, in words.
        clips: Number of clips they were evaluated on.
    """
    base = results[0]
    lines = [
        "| variant | difference | J&F, mask | | J&F, 1 click | | M parameters | minutes |",
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
        f"Each variant was trained once on clips for {budget}, and evaluated on {clips} clips. A "
        "difference means something only if it is much larger than that of another seed.",
    ]
    text = "\n".join(lines)
    (folder / "ablations.md").write_text(text + "\n", encoding="utf-8")
    with (folder / "ablations.csv").open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, [entry.name for entry in fields(Result)])
        writer.writeheader()
        writer.writerows(asdict(result) for result in results)
    return text
