"""The queue of tasks: leases, one's own work, what each phase allows, and what verdicts lead to."""

import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from lent_postgres import new_database, running_postgres
from small_project import (
    NO_EFFORT,
    Clock,
    add_masklets,
    box,
    clicks,
    made,
    person,
    small_project,
    submit,
    take,
)
from sqlalchemy import func, select, text

from sam2_demo.core.errors import ProjectError
from sam2_demo.data_engine.project.project import Project
from sam2_demo.data_engine.project.store.database import Database, sqlite_url
from sam2_demo.data_engine.project.store.migrations import migrate
from sam2_demo.data_engine.project.store.settings import set_correction_rate
from sam2_demo.data_engine.project.store.tables import (
    MaskletRow,
    MaskletState,
    SubmissionRow,
    TaskKind,
    TaskRow,
    Verdict,
    VerdictRow,
)
from sam2_demo.data_engine.project.tasks.agreement import agreement
from sam2_demo.data_engine.project.tasks.lifecycle import (
    Judged,
    after_verdict,
    is_allowed,
    is_sampled,
)
from sam2_demo.data_engine.project.tasks.queue import LEASE_S
from sam2_demo.data_engine.project.tasks.verdicts import Judgement
from sam2_demo.data_engine.project.tasks.work import Effort, effort_of, packed, track_of, unpacked
from sam2_demo.tracking.track import Track

GOOD = Judgement(Verdict.SATISFACTORY)
BAD = Judgement(Verdict.UNSATISFACTORY, marks=(3, 1, 3))


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture(scope="module")
def postgres() -> Iterator[str]:
    with running_postgres() as url:
        yield url


@pytest.fixture(params=["sqlite", "postgresql"])
def project(request: pytest.FixtureRequest, tmp_path: Path, clock: Clock) -> Iterator[Project]:
    url = None
    if request.param == "postgresql":
        url = new_database(request.getfixturevalue("postgres"))
    with small_project(tmp_path, clock, url) as project:
        yield project


def state_of(project: Project, masklet_id: int) -> str:
    with project.database.reads() as session:
        return session.get_one(MaskletRow, masklet_id).state


def refusal(error: pytest.ExceptionInfo[ProjectError]) -> str:
    """Returns the code of a refusal, which is one sentence."""
    assert str(error.value).count(". ") == 0
    return error.value.code


@pytest.mark.parametrize(
    ("verdict", "phase", "refusals", "is_drawn", "then"),
    [
        (Verdict.SATISFACTORY, 3, 2, False, Judged(MaskletState.VERIFIED, 2)),
        (Verdict.NOT_AN_OBJECT, 1, 0, True, Judged(MaskletState.REJECTED, 0)),
        (Verdict.UNSATISFACTORY, 1, 0, False, Judged(MaskletState.ANNOTATING, 1)),
        (Verdict.UNSATISFACTORY, 3, 1, False, Judged(MaskletState.ANNOTATING, 2)),
        (Verdict.UNSATISFACTORY, 3, 2, False, Judged(MaskletState.REJECTED, 3)),
        (Verdict.UNSATISFACTORY, 0, 0, True, Judged(MaskletState.ANNOTATING, 1)),
        (Verdict.UNSATISFACTORY, 0, 0, False, Judged(MaskletState.REJECTED, 1)),
    ],
)
def test_what_a_verdict_leads_to(
    verdict: Verdict, phase: int, refusals: int, is_drawn: bool, then: Judged
) -> None:
    assert after_verdict(verdict, phase, refusals, is_drawn) == then


def test_a_share_of_the_failed_ones_is_sampled_and_always_the_same() -> None:
    drawn = [number for number in range(1000) if is_sampled(number, 0.25)]
    assert 200 < len(drawn) < 300
    assert drawn == [number for number in range(1000) if is_sampled(number, 0.25)]
    assert not any(is_sampled(number, 0.0) for number in range(1000))
    assert all(is_sampled(number, 1.0) for number in range(1000))


def test_phase_1_has_no_memory_and_no_phase_has_other_objects() -> None:
    assert [is_allowed(phase, "propagate") for phase in (1, 2, 3)] == [False, True, True]
    assert all(is_allowed(phase, "prompt") for phase in (1, 2, 3))
    for action in ("find", "add_found", "open_session", "duplicate_object", "model", "export"):
        assert not any(is_allowed(phase, action) for phase in (1, 2, 3))


def test_clicks_count_by_frame_and_only_those_of_the_task() -> None:
    before = track_of(made({0: box(10)}, [(0, clicks(5))]))
    after = before.copy()
    after.log += track_of(
        made({0: box(10)}, [(1, clicks(1)), (1, clicks(2)), (3, clicks(4)), (4, clicks(0))])
    ).log
    assert effort_of(after, before, 7.5) == Effort(7.5, 3, 2, 6)
    assert effort_of(before, Track(), 0.0) == Effort(0.0, 1, 1, 5)


def test_work_is_what_it_was_after_it_was_stored() -> None:
    saved = made({0: box(10), 2: box(30)}, [(0, clicks(2))])
    again = unpacked(packed(saved))
    assert again.made_of == saved.made_of
    assert track_of(again).log == track_of(saved).log
    assert {f: a.mask for f, a in track_of(again).answers.items()} == {0: box(10), 2: box(30)}


def test_agreement_is_counted_by_the_size_of_the_first_masks() -> None:
    first = {0: box(0, 20), 1: box(0, 40), 2: box(0, 40), 3: box(0, 100)}
    later = {0: box(0, 20), 1: box(4, 40), 2: box(20, 40)}
    # Moved by 4 of 40 pixels: 36 x 40 of 44 x 40, an IoU of 0.82; moved by 20: 0.33.
    assert agreement(first, later) == {"small": (1, 1), "medium": (2, 1), "large": (1, 0)}


def test_a_task_is_one_persons_until_its_lease_ends(project: Project, clock: Clock) -> None:
    add_masklets(project, 1)
    ana, ben = person(project, "ana"), person(project, "ben")
    task = take(project, ana, TaskKind.ANNOTATE)
    assert project.queue.take(ben.id, TaskKind.ANNOTATE) is None
    assert project.queue.waiting(ben.id)[TaskKind.ANNOTATE] == 0
    clock.now += LEASE_S / 2
    assert take(project, ana, TaskKind.ANNOTATE).task_id == task.task_id  # and is renewed
    clock.now += LEASE_S - 1
    assert project.queue.take(ben.id, TaskKind.ANNOTATE) is None
    clock.now += 2
    assert project.queue.waiting(ben.id)[TaskKind.ANNOTATE] == 1
    project.queue.open_in(ana.id, task.task_id, "token")
    assert project.queue.work_in(ana.id, "token").task_id == task.task_id  # nobody took it
    clock.now += LEASE_S + 1
    assert take(project, ben, TaskKind.ANNOTATE).task_id == task.task_id
    with pytest.raises(ProjectError) as stale:
        project.desk.submit(ana.id, task.task_id, made({0: box(10)}), NO_EFFORT)
    assert refusal(stale) == "LEASE_ENDED"
    with pytest.raises(ProjectError) as stale:
        project.queue.work_in(ana.id, "token")
    assert refusal(stale) == "LEASE_ENDED"


def test_a_skipped_task_goes_to_others_with_its_reason(project: Project) -> None:
    add_masklets(project, 1)
    ana, ben = person(project, "ana"), person(project, "ben")
    task = take(project, ana, TaskKind.ANNOTATE)
    with pytest.raises(ProjectError) as silent:
        project.queue.skip(ana.id, task.task_id, " ")
    assert refusal(silent) == "NO_REASON"
    project.queue.skip(ana.id, task.task_id, "too dark")
    assert project.queue.take(ana.id, TaskKind.ANNOTATE) is None
    assert take(project, ben, TaskKind.ANNOTATE).task_id == task.task_id


def test_nobody_verifies_work_that_they_had_a_share_in(project: Project) -> None:
    add_masklets(project, 1)
    ana, ben, eva = (person(project, name) for name in ("ana", "ben", "eva"))
    submit(project, ana)
    assert project.queue.take(ana.id, TaskKind.VERIFY) is None
    project.desk.judge(ben.id, take(project, ben, TaskKind.VERIFY).task_id, BAD)
    submit(project, eva)  # who corrects it
    assert project.queue.take(eva.id, TaskKind.VERIFY) is None
    assert project.queue.take(ana.id, TaskKind.VERIFY) is None
    task = take(project, ben, TaskKind.VERIFY)
    with project.database.changes() as session:  # however it came into their hands
        session.get_one(TaskRow, task.task_id).holder_id = ana.id
    with pytest.raises(ProjectError) as own:
        project.desk.judge(ana.id, task.task_id, GOOD)
    assert refusal(own) == "OWN_WORK"


def test_unsatisfactory_masklets_go_back_with_marks_and_the_third_time_for_good(
    project: Project,
) -> None:
    (masklet,) = add_masklets(project, 1, phase=1)
    ana, ben = person(project, "ana"), person(project, "ben")
    phases = []
    for _ in range(3):
        phases.append(submit(project, ana).phase)
        task = take(project, ben, TaskKind.VERIFY)
        state = project.desk.judge(ben.id, task.task_id, BAD)
        if state is MaskletState.ANNOTATING:
            assert take(project, ana, TaskKind.ANNOTATE).marks == (1, 3)
    assert phases == [1, 3, 3]
    assert state_of(project, masklet) == MaskletState.REJECTED
    assert project.queue.take(ana.id, TaskKind.ANNOTATE) is None


def test_what_makes_no_sense_is_refused_and_changes_nothing(project: Project) -> None:
    (masklet,) = add_masklets(project, 1)
    ana, ben = person(project, "ana"), person(project, "ben")
    task = take(project, ana, TaskKind.ANNOTATE)
    with pytest.raises(ProjectError) as empty:
        project.desk.submit(ana.id, task.task_id, made({}), NO_EFFORT)
    assert refusal(empty) == "NOTHING_ANNOTATED"
    with pytest.raises(ProjectError) as other:
        project.desk.judge(ana.id, task.task_id, GOOD)
    assert refusal(other) == "OTHER_KIND"
    submit(project, ana)
    with pytest.raises(ProjectError) as done:
        project.desk.submit(ana.id, task.task_id, made({0: box(10)}), NO_EFFORT)
    assert refusal(done) == "TASK_DONE"
    task = take(project, ben, TaskKind.VERIFY)
    for judgement, code in (
        (Judgement(Verdict.UNSATISFACTORY), "NO_MARKS"),
        (Judgement(Verdict.UNSATISFACTORY, marks=(5,)), "BAD_FRAME"),
    ):
        with pytest.raises(ProjectError) as wrong:
            project.desk.judge(ben.id, task.task_id, judgement)
        assert refusal(wrong) == code
    with pytest.raises(ProjectError) as unknown:
        project.queue.find(ana.id, 99)
    assert refusal(unknown) == "NO_TASK"
    assert state_of(project, masklet) == MaskletState.VERIFYING


def test_failed_automatic_masklets_are_corrected_at_a_rate(project: Project) -> None:
    with project.database.changes() as session:
        set_correction_rate(session, 0.0)
    (masklet,) = add_masklets(project, 1, phase=0)
    ana, ben = person(project, "ana"), person(project, "ben")
    submit(project, ana)
    project.desk.judge(ben.id, take(project, ben, TaskKind.VERIFY).task_id, BAD)
    assert state_of(project, masklet) == MaskletState.REJECTED


def test_the_same_object_annotated_again_is_compared(project: Project) -> None:
    (first,) = add_masklets(project, 1, phase=1)
    ana, ben = person(project, "ana"), person(project, "ben")
    submit(project, ana, made({0: box(10), 1: box(10)}))
    add_masklets(project, 1, phase=3, same_as=first)
    submit(project, ben, made({0: box(10), 1: box(60)}))
    with project.database.reads() as session:
        rows = session.execute(text("SELECT size, masks, agreeing FROM agreements")).all()
    assert [tuple(row) for row in rows] == [("medium", 2, 1)]


def test_many_people_at_once_never_get_the_same_task(project: Project) -> None:
    add_masklets(project, 60)
    people = [person(project, f"person {number}") for number in range(50)]
    taken: list[int] = []
    start = threading.Barrier(len(people))

    def ask(user_id: int) -> None:
        start.wait()
        held = project.queue.take(user_id, TaskKind.ANNOTATE)
        assert held is not None
        taken.append(held.task_id)

    threads = [threading.Thread(target=ask, args=(each.id,)) for each in people]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(taken) == list(range(1, 51))


WORKER = """
import os
import sys
from pathlib import Path
sys.path[:0] = sys.argv[2:]
from small_project import box, made, person, submit, NO_EFFORT, Clock, small_project
from sam2_demo.data_engine.project.store.tables import TaskKind
name = sys.argv[1]
with small_project(Path.cwd(), Clock(), os.environ["DATABASE"]) as project:
    who = person(project, name)
    print("ready", flush=True)
    for _ in sys.stdin:
        if project.queue.take(who.id, TaskKind.ANNOTATE) is None:
            break
        print(submit(project, who).task_id, flush=True)
"""
"""For each line that it reads it does a task, until there is none."""


def worker(project: Project, name: str) -> "subprocess.Popen[str]":
    command = [sys.executable, "-c", WORKER, name, *sys.path]
    return subprocess.Popen(
        command,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        cwd=project.folder.parent,
        env=os.environ | {"DATABASE": project.database.url},
    )


def allow(program: "subprocess.Popen[str]", tasks: int) -> None:
    program.stdin.write(tasks * "\n")
    program.stdin.flush()


@pytest.mark.slow
def test_programs_share_a_queue_and_a_kill_loses_no_submission(project: Project) -> None:
    add_masklets(project, 120)
    with worker(project, "victim") as victim, worker(project, "other") as other:
        for program in (victim, other):
            assert program.stdout.readline() == "ready\n"
        allow(victim, 60)  # leaves some for the other, however slow that is
        reported = [int(victim.stdout.readline()) for _ in range(10)]
        allow(other, 120)  # from here on both want the same tasks
        done = [int(other.stdout.readline()) for _ in range(5)]
        os.kill(victim.pid, signal.SIGKILL)
        reported += [int(line) for line in victim.stdout.read().split("\n")[:-1]]
        done += [int(line) for line in other.stdout.read().split()]
    assert other.returncode == 0
    assert not set(done) & set(reported)
    with project.database.reads() as session:
        kept = set(session.scalars(select(SubmissionRow.task_id)))
        half = select(func.count()).where(TaskRow.is_open, TaskRow.id.in_(kept))
        assert session.scalar(half) == 0
        waiting = select(func.count()).where(TaskRow.is_open, TaskRow.kind == TaskKind.VERIFY)
        assert session.scalar(waiting) == len(kept)
        assert session.scalar(select(func.count()).select_from(VerdictRow)) == 0
    # What was reported is kept; what a kill interrupted is one task at most, and stays leased.
    assert kept >= {*done, *reported}
    assert len(kept) >= 119


def test_a_database_of_an_older_version_is_brought_up_to_date(tmp_path: Path) -> None:
    url = sqlite_url(tmp_path / "a.sqlite")
    database = Database(url)
    add = "ALTER TABLE videos ADD COLUMN place TEXT"
    steps = [lambda connection: connection.execute(text(add))]
    assert migrate(database._engine, steps) == 2
    assert migrate(database._engine, steps) == 2  # and once only
    with database.reads() as session:
        assert session.execute(text("SELECT place FROM videos")).all() == []
        versions = session.execute(text("SELECT number FROM schema_versions")).scalars().all()
    assert versions == [1, 2]
    with pytest.raises(ProjectError) as newer:
        migrate(database._engine)
    assert refusal(newer) == "NEWER_DATABASE"
    database.close()


def test_a_migration_that_fails_changes_nothing(tmp_path: Path) -> None:
    database = Database(sqlite_url(tmp_path / "a.sqlite"))

    def half(connection) -> None:
        connection.execute(text("ALTER TABLE videos ADD COLUMN place TEXT"))
        raise RuntimeError("stopped")

    with pytest.raises(RuntimeError):
        migrate(database._engine, [half])
    assert migrate(database._engine) == 1
    with database.reads() as session:
        columns = session.execute(text("SELECT * FROM videos")).keys()
    assert "place" not in columns
    database.close()


@pytest.mark.parametrize("url", ["nonsense", "mysql://there/db", "sqlite:////nowhere/at/all.db"])
def test_an_address_of_no_database_is_refused(url: str) -> None:
    with pytest.raises(ProjectError) as wrong:
        Database(url)
    assert refusal(wrong) in ("BAD_DATABASE", "NO_DATABASE")


def test_a_project_knows_its_folder_by_its_database(tmp_path: Path) -> None:
    url = sqlite_url(tmp_path / "a.sqlite")
    with pytest.raises(ProjectError) as nowhere:
        Project.open(None, url)
    assert refusal(nowhere) == "NO_FOLDER"
    Project.open(tmp_path / "videos", url).close()
    again = Project.open(None, url)
    assert again.folder == tmp_path / "videos"
    again.close()
