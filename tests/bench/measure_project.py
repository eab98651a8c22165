"""Measures how long the next task takes where there are very many of them.

    python tests/bench/measure_project.py [--tasks 100000] [--database postgresql://…]

Prints the median and the longest of 200 takes each: of the first tasks in the queue, of the last
ones where all before them are leased, and of a verification behind one's own work only.
"""

import argparse
import statistics
import sys
import tempfile
import time
from pathlib import Path

from sqlalchemy import insert, text

sys.path.insert(0, str(Path(__file__).parents[2]))
sys.path.insert(0, str(Path(__file__).parents[1] / "support" / "stand_ins"))

from small_project import Clock, add_masklets, person, small_project

from sam2_demo.data_engine.project.project import Project
from sam2_demo.data_engine.project.store.tables import MaskletRow, TaskKind, TaskRow

TAKES = 200


def main() -> None:
    """Fills a project and prints the figures."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--tasks", type=int, default=100_000)
    parser.add_argument("--database", help="an empty one; by default a file")
    arguments = parser.parse_args()
    clock = Clock()
    with (
        tempfile.TemporaryDirectory() as folder,
        small_project(Path(folder), clock, arguments.database) as project,
    ):
        people = [person(project, f"person {number}").id for number in range(2 * TAKES)]
        fill(project, arguments.tasks)
        report("the first ones", project, people[:TAKES], TaskKind.ANNOTATE)
        lease(project, "kind = 'annotate' AND id < (SELECT max(id) - 500 FROM tasks)")
        report("behind leased ones", project, people[TAKES:], TaskKind.ANNOTATE)
        own = people[0]
        with project.database.changes() as session:
            last = {"own": own, "last": arguments.tasks - 5}
            session.execute(
                text(
                    "UPDATE tasks SET kind = 'verify', holder_id = NULL, lease_until = 0, "
                    "maker_id = CASE WHEN id < :last THEN :own END"
                ),
                last,
            )
        report("behind one's own", project, [own] * TAKES, TaskKind.VERIFY, gives_back=True)


def fill(project: Project, tasks: int) -> None:
    """Adds so many masklets, each with its task."""
    add_masklets(project, 1)
    of_masklet = {"video_id": 1, "state": "annotating", "phase": 3, "refusals": 0}
    with project.database.changes() as session:
        rows = [of_masklet | {"id": number} for number in range(2, tasks + 1)]
        session.execute(insert(MaskletRow), [row | {"is_hard": False} for row in rows])
        session.execute(
            insert(TaskRow),
            [
                {"id": row["id"], "masklet_id": row["id"], "kind": "annotate", "phase": 3}
                for row in rows
            ],
        )


def lease(project: Project, where: str, holder: str = "1", until: float = 1e12) -> None:
    """Leases tasks to somebody, or to nobody."""
    new = f"holder_id = {holder}, lease_until = {until}"
    with project.database.changes() as session:
        session.execute(text(f"UPDATE tasks SET {new} WHERE {where}"))


def report(
    name: str, project: Project, people: list[int], kind: TaskKind, gives_back: bool = False
) -> None:
    """Prints how long it takes until each of these people has a task."""
    took_ms = []
    for user_id in people:
        began_s = time.perf_counter()
        held = project.queue.take(user_id, kind)
        took_ms.append(1000 * (time.perf_counter() - began_s))
        assert held is not None
        if gives_back:
            lease(project, f"id = {held.task_id}", "NULL", 0.0)
    print(f"{name}: {statistics.median(took_ms):.1f} ms, at most {max(took_ms):.1f} ms")


if __name__ == "__main__":
    main()
