"""What goes into a project and what comes out: videos, masklets, splits, figures, models."""

import csv
import io
import json
from collections.abc import Iterator
from dataclasses import replace
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
from media_clips import frame_number, write_clip, write_part
from small_project import SIZE_HW as PROJECT_HW
from small_project import (
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

from sam2_demo.__main__ import main
from sam2_demo.core.errors import DataError
from sam2_demo.core.masks import EncodedMask
from sam2_demo.data_engine.project.files.exporting import ExportChoice, SavExporter
from sam2_demo.data_engine.project.files.frame_rate import annotated_frames, frames_at_24
from sam2_demo.data_engine.project.files.importing import Importer
from sam2_demo.data_engine.project.files.splitting import read_table, split_of
from sam2_demo.data_engine.project.models import latest_model
from sam2_demo.data_engine.project.people.people import Person
from sam2_demo.data_engine.project.project import Project
from sam2_demo.data_engine.project.statistics import PAPER, PhaseFigures, as_csv, figures
from sam2_demo.data_engine.project.store.tables import (
    ModelVersionRow,
    TaskKind,
    Verdict,
    VideoRow,
)
from sam2_demo.data_engine.project.tasks.verdicts import Judgement, latest_submission
from sam2_demo.data_engine.project.tasks.work import OBJECT, Effort, unpacked
from sam2_demo.datasets.clip import ClipOptions
from sam2_demo.datasets.formats.sa_v import SavVideo
from sam2_demo.datasets.registry import DataSet, open_clips
from sam2_demo.evaluation.clips import open_videos
from sam2_demo.export.masklets import Masklets, ObjectLabel
from sam2_demo.export.run_length_files import write_sa_v_json
from sam2_demo.video.times import FrameTimes, even_times
from sam2_demo.video.video import Video

SIZE_HW = (64, 96)
FRAMES = 10
"""Of which the first, the fifth and the ninth are annotated."""


def square(left: int) -> np.ndarray:
    mask = np.zeros(SIZE_HW, bool)
    mask[10:40, left : left + 30] = True
    return mask


def automatic(folder: Path, name: str = "clip") -> Path:
    """Returns the annotations of a new clip with two objects, of which the second appears late."""
    folder.mkdir(exist_ok=True)
    write_clip(folder / f"{name}.mp4", size_hw=SIZE_HW, frames=FRAMES)
    times = FrameTimes(tuple(range(FRAMES)), Fraction(1, 24))
    video = Video(folder=folder, name=f"{name}.mp4", size_hw=SIZE_HW, times=times, digest="")

    def masks(frame: int) -> dict[int, EncodedMask]:
        found = {1: EncodedMask.encode(square(frame))}
        return found | ({2: EncodedMask.encode(square(60))} if frame >= 4 else {})

    labels = {key: ObjectLabel(str(key), (0, 0, 0)) for key in (1, 2)}
    path = folder / f"{name}_auto.json"
    write_sa_v_json(Masklets(video, labels, masks, range(FRAMES)), path)
    return path


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "project"


def call(folder: Path, *arguments: object) -> int:
    return main(["project", *map(str, arguments), "--project", str(folder)])


@pytest.fixture
def project(tmp_path: Path) -> Iterator[Project]:
    with small_project(tmp_path, Clock()) as project:
        yield project


def judge(project: Project, who: Person, verdict: Verdict) -> int:
    """Judges a person's next task; returns the masklet."""
    task = take(project, who, TaskKind.VERIFY)
    project.desk.judge(who.id, task.task_id, Judgement(verdict, marks=(0,)))
    return task.masklet_id


def test_masklets_go_in_and_come_back_out_as_sa_v(
    tmp_path: Path, folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    masklets = tmp_path / "masklets"
    automatic(masklets)
    (masklets / "manifest.jsonl").write_text('{"settings": {"model": "tiny", "weights": "abc"}}\n')
    assert call(folder, "import", "--auto", masklets) == 0
    assert capsys.readouterr().out.startswith("1 videos with 2 new tasks; 0 masklets were")
    assert call(folder, "import", "--auto", masklets) == 0
    assert capsys.readouterr().out.startswith("1 videos with 0 new tasks; 2 masklets were")
    opened = Project.open(folder)
    ben = person(opened, "ben")
    judge(opened, ben, Verdict.SATISFACTORY)
    late = judge(opened, ben, Verdict.UNSATISFACTORY)
    task = take(opened, person(opened, "ana"), TaskKind.ANNOTATE)
    with opened.database.reads() as session:
        saved = unpacked(latest_submission(session, late).work)
        assert session.get_one(ModelVersionRow, 1).name == "tiny"
    # The second object is there on the second and third annotated frame, the first one is empty.
    track = saved.objects[OBJECT].track
    assert [track.answers[f].mask.area_px for f in range(3)] == [0, 900, 900]
    assert (track.conditioning, track.steps) == ({1}, {0: -1, 2: 1})
    opened.desk.submit(person(opened, "ana").id, task.task_id, saved, Effort(9, 1, 1, 2))
    judge(opened, ben, Verdict.SATISFACTORY)
    opened.close()
    out = tmp_path / "out"
    assert call(folder, "export", "--out", out) == 0
    assert {path.name for path in out.iterdir()} == {
        "clip.mp4",
        "clip_manual.json",
        "clip_auto.json",
    }
    auto, manual = (SavVideo.read(out / f"clip_{kind}.json") for kind in ("auto", "manual"))
    np.testing.assert_array_equal(auto.true_masks(4)[1], square(4))
    assert dict(manual.areas_px(0)) == {}
    np.testing.assert_array_equal(manual.true_masks(8)[2], square(60))
    written = json.loads((out / "clip_manual.json").read_text())
    assert written["masklet_type"] == ["manual"]
    assert written["masklet_edited_frame_count"] == [1]
    assert written["video_frame_count"] == FRAMES
    clip = open_clips(f"sa-v:{out}", ClipOptions(64, frames=2)).sample(np.random.default_rng(1))
    assert clip.masks.any()
    scored = open_videos(DataSet.parse(f"sa-v:{out}"), ["clip_manual"])
    assert [(each.name, list(each.annotated_frames)) for each in scored] == [
        ("clip_manual", [0, 4, 8])
    ]
    np.testing.assert_array_equal(scored[0].true_masks(8)[2], square(60))
    with pytest.raises(DataError, match="no clip named 'other'"):
        open_videos(DataSet.parse(f"sa-v:{out}"), ["other"])
    assert call(folder, "export", "--out", out) == 2
    assert capsys.readouterr().err.startswith("NOT_EMPTY: ")


def test_a_video_that_cannot_be_used_costs_itself_alone(
    tmp_path: Path, folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    write_clip(tmp_path / "good.mp4", size_hw=SIZE_HW, frames=FRAMES)
    (tmp_path / "bad.mp4").write_bytes(b"nothing")
    named = [tmp_path / f"{name}.mp4" for name in ("good", "bad", "gone", "timeless")]
    write_part(named[-1], named[0], FRAMES - 1)  # whose frames have no times
    assert call(folder, "import", *named, "--phase", 1, "--masklets", 2) == 0
    told = capsys.readouterr()
    assert told.out.startswith("1 videos with 2 new tasks;")
    assert told.out.rstrip().endswith("3 files could not be used")
    assert "(UNREADABLE_TIMES)" in told.err
    assert len(list((folder / "videos").iterdir())) == 1  # nothing stays of what is refused
    assert "(NOT_A_VIDEO)" in told.err
    assert "(MISSING_FILE)" in told.err
    opened = Project.open(folder)
    task = take(opened, person(opened, "ana"), TaskKind.ANNOTATE)
    assert task.phase == 1
    with opened.database.reads() as session:
        digest = session.get_one(VideoRow, task.video_id).digest
    annotated = opened.videos.annotated(digest)
    assert len(annotated) == 3
    assert annotated.frame_times_s[1] == pytest.approx(
        4 * opened.videos.whole(digest).frame_times_s[1]
    )
    opened.close()
    assert [path.name for path in (folder / ".work").iterdir()] == ["lock"]


@pytest.mark.parametrize(
    ("rate", "count", "at_24", "annotated"),
    [
        (24, 6, (0, 1, 2, 3, 4, 5), (0, 4)),
        (30, 11, (0, 1, 2, 4, 5, 6, 7, 9, 10), (0, 5, 10)),
        (12, 5, (0, 0, 1, 1, 2, 2, 3, 3, 4), (0, 2, 4)),
        (3, 3, (*[0] * 5, *[1] * 8, *[2] * 4), (0, 1, 2)),  # fewer than are annotated a second
        (60, 21, (0, 2, 5, 7, 10, 12, 15, 17, 20), (0, 10, 20)),
        (1, 1, (0,), (0,)),
    ],
)
def test_six_frames_a_second_are_annotated_at_any_rate(
    rate: int, count: int, at_24: tuple[int, ...], annotated: tuple[int, ...]
) -> None:
    times = FrameTimes(tuple(range(count)), Fraction(1, rate))
    assert frames_at_24(times) == at_24
    assert annotated_frames(times) == annotated


def test_rounded_times_and_the_rate_of_films_count_as_24_frames_a_second() -> None:
    film = even_times(1000, Fraction(24000, 1001))
    rounded = FrameTimes(
        tuple(round(index * 1000 / 24) for index in range(1000)), Fraction(1, 1000)
    )
    for times in (film, rounded):
        assert frames_at_24(times) == tuple(range(1000))


def test_a_video_of_another_rate_comes_out_at_24_frames_a_second(
    project: Project, tmp_path: Path
) -> None:
    path = write_clip(tmp_path / "fast.mp4", frames=11, rate=30, size_hw=PROJECT_HW)
    importer = Importer(project.database, project.videos)
    importer.add_video(path, 1, 1)
    (digest,) = (each.name for each in (project.folder / "videos").iterdir())
    shown = project.videos.annotated(digest)
    assert [frame_number(shown[index]) for index in range(len(shown))] == [0, 5, 10]
    submit(project, person(project, "ana"), made({0: box(10), 2: box(30)}))
    judge(project, person(project, "ben"), Verdict.SATISFACTORY)
    out = tmp_path / "out"
    SavExporter(project.database, project.videos, out).write(ExportChoice())
    read = SavVideo.read(out / "fast_manual.json")
    frames = [frame_number(read.video[index]) for index in range(len(read.video))]
    assert frames == [0, 1, 2, 4, 5, 6, 7, 9, 10]
    assert (list(read.annotated_frames), read.video.fps) == ([0, 4, 8], 24)
    np.testing.assert_array_equal(read.true_masks(8)[1], box(30).decode())
    assert dict(read.areas_px(4)) == {}
    assert {each.name for each in out.iterdir()} == {"fast.mp4", "fast_manual.json"}
    (tmp_path / "auto").mkdir()
    write_clip(tmp_path / "auto" / "fast.mp4", frames=11, rate=30, size_hw=PROJECT_HW)
    video = replace(project.videos.whole(digest), size_hw=PROJECT_HW)
    labels = {1: ObjectLabel("1", (0, 0, 0))}
    automatic = tmp_path / "auto" / "fast_auto.json"
    write_sa_v_json(Masklets(video, labels, lambda _: {1: box(10)}, range(11)), automatic)
    with pytest.raises(DataError, match="other frames are annotated"):
        importer.add_automatic(automatic)


def test_one_import_at_a_time_and_what_a_kill_left_is_removed(
    tmp_path: Path, folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    rest = folder / ".work" / "killed" / "frames"
    rest.mkdir(parents=True)
    opened = Project.open(folder)
    with opened.videos.alone():
        assert not rest.exists()
        assert call(folder, "import", tmp_path / "gone.mp4") == 2
    assert capsys.readouterr().err.startswith("FOLDER_IN_USE: another import into ")
    opened.close()


def test_masklets_of_another_video_are_refused(
    tmp_path: Path, folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = automatic(tmp_path / "masklets")
    write_clip(path.with_name("clip.mp4"), size_hw=SIZE_HW, frames=3 * FRAMES)
    assert call(folder, "import", "--auto", path.parent) == 0
    assert "1 files could not be used" in capsys.readouterr().out
    assert call(folder, "import", "--auto", tmp_path / "none") == 2
    assert call(folder, "import") == 2


@pytest.mark.parametrize("shares", [{"train": 8, "val": 1, "test": 1}, {"train": 1, "test": 1}])
def test_no_group_lies_in_two_splits(shares: dict[str, float]) -> None:
    groups = {f"{n}.mp4": (f"person {n % 7}", f"place {n // 5}", "") for n in range(60)}
    groups |= {f"alone {n}.mp4": ("", "", "") for n in range(40)}
    split = split_of(groups, shares)
    assert split.keys() == groups.keys()
    assert split_of(groups, shares) == split
    for column in range(2):
        seen: dict[str, str] = {}
        for video, values in groups.items():
            if values[column]:
                assert seen.setdefault(values[column], split[video]) == split[video]


def test_splits_are_as_large_as_they_should_be() -> None:
    groups = {f"{n}": (f"person {n // 2}",) for n in range(20)}
    split = list(split_of(groups, {"train": 80, "val": 10, "test": 10}).values())
    assert [split.count(name) for name in ("train", "val", "test")] == [16, 2, 2]


def test_a_table_splits_the_project_and_marks_hard_targets(
    tmp_path: Path, folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for name in ("a", "b"):
        write_clip(tmp_path / f"{name}.mp4", size_hw=SIZE_HW, frames=8 if name == "a" else 12)
    call(folder, "import", tmp_path / "a.mp4", tmp_path / "b.mp4")
    opened = Project.open(folder)
    ana, ben = person(opened, "ana"), person(opened, "ben")
    for _ in range(2):
        task = take(opened, ana, TaskKind.ANNOTATE)
        frames = 2 if task.video_id == 1 else 3
        saved = made({0: EncodedMask.encode(square(9))})
        fitting = replace(saved.made_of, size_hw=SIZE_HW, frames=frames)
        opened.desk.submit(
            ana.id, task.task_id, replace(saved, made_of=fitting), Effort(1, 1, 1, 1)
        )
        judge(opened, ben, Verdict.SATISFACTORY)
    opened.close()
    table = tmp_path / "table.csv"
    table.write_text("video,filmed_by,easy\na.mp4,eva,\n")
    split = ["split", table, "--by", "filmed_by", "--shares", "1,0,1", "--hard", "hard"]
    assert call(folder, *split) == 2
    assert "no column 'hard'" in capsys.readouterr().err
    table.write_text("video,filmed_by,hard\na.mp4,eva,yes\n")
    assert call(folder, *split) == 2
    assert "no row for b.mp4" in capsys.readouterr().err
    table.write_text("video,filmed_by,hard\na.mp4,eva,no\nb.mp4,tom,no\n")
    assert call(folder, *split) == 0
    assert capsys.readouterr().out == "1 videos in train, 0 videos in val, 1 videos in test\n"
    assert call(folder, "export", "--out", tmp_path / "all") == 0
    assert sorted(p.name for p in tmp_path.glob("all/*/*.json")) == [
        "a_manual.json",
        "b_manual.json",
    ]
    assert call(folder, "export", "--out", tmp_path / "hard", "--only-hard") == 0
    assert len(list(tmp_path.glob("hard/*/*.json"))) == 1
    (in_test,) = tmp_path.glob("all/test/*.json")
    assert json.loads(in_test.read_text())["video_split"] == "test"
    call(folder, "split", table, "--by", "filmed_by", "--shares", "x")
    assert capsys.readouterr().err.startswith("BAD_SHARES: ")


def test_figures_are_counted_by_phase_beside_the_papers(project: Project) -> None:
    ana = person(project, "ana")
    for phase, effort in ((1, Effort(150.0, 5, 5, 20)), (3, Effort(20.0, 1, 1, 2))):
        add_masklets(project, 1, phase=phase)
        task = take(project, ana, TaskKind.ANNOTATE)
        project.desk.submit(ana.id, task.task_id, made({0: box(10)}, [(0, clicks(1))]), effort)
    add_masklets(project, 1, phase=3, same_as=1)
    task = take(project, ana, TaskKind.ANNOTATE)
    project.desk.submit(ana.id, task.task_id, made({0: box(10)}), Effort(5.0, 0, 0, 0))
    found = figures(project.database)
    assert found[1] == PhaseFigures(1, 30.0, 100.0, 4.0, {})
    assert found[3] == PhaseFigures(2, 2.5, 10.0, 2.0, {"all": 100.0, "medium": 100.0})
    rows = list(csv.reader(io.StringIO(as_csv(found))))
    assert rows[1][:5] == ["1: SAM per frame", "here", "1", "30.0", "100.0"]
    assert rows[4][:6] == ["2: SAM 2 Mask", "paper", "", "7.4", "23.25", "3.61"]
    assert rows[3][2:] == ["0", *[""] * 7]
    assert [PAPER[3].agreement[size] for size in ("all", "small", "medium", "large")] == [
        89.1,
        72.8,
        81.8,
        100.0,
    ]


def test_objects_of_phase_1_are_annotated_again(
    project: Project, folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    add_masklets(project, 1, phase=1)
    ana, ben = person(project, "ana"), person(project, "ben")
    task = take(project, ana, TaskKind.ANNOTATE)
    project.desk.submit(ana.id, task.task_id, made({2: box(10)}), Effort(1, 1, 1, 1))
    assert call(folder, "again", "--phase", 2) == 0
    judge(project, ben, Verdict.SATISFACTORY)
    assert call(folder, "again", "--phase", 2) == 0
    assert call(folder, "again", "--phase", 2) == 0
    assert capsys.readouterr().out.split("\n")[:3] == [
        f"{count} new tasks of phase 2" for count in (0, 1, 0)
    ]
    again = take(project, ana, TaskKind.ANNOTATE)
    frame, x, y = again.hint
    assert (again.phase, frame) == (2, 2)
    assert box(10).decode()[int(y), int(x)]


def test_status_tells_how_far_the_work_is(
    project: Project, folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    add_masklets(project, 2)
    ana = person(project, "ana")
    task = take(project, ana, TaskKind.ANNOTATE)
    project.desk.submit(ana.id, task.task_id, made({0: box(10)}), Effort(1, 1, 1, 1))
    project.queue.skip(ana.id, take(project, ana, TaskKind.ANNOTATE).task_id, "too dark")
    assert call(folder, "status") == 0
    told = capsys.readouterr().out
    assert ["SAM", "2", "1", "1", "0", "0"] in [line.split() for line in told.splitlines()]
    assert "2 tasks wait, 0 are being worked on" in told
    assert "ana             1         0" in told
    assert "task 2 was skipped: too dark" in told
    assert call(folder, "statistics") == 0
    assert "1: SAM per frame" in capsys.readouterr().out


@pytest.mark.slow
def test_the_next_model_is_trained_on_what_is_verified(
    tmp_path: Path, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(
        "sam2_demo.data_engine.project.commands.giving.restart_with_malloc_settings", lambda: None
    )
    automatic(tmp_path / "masklets")
    call(folder, "import", "--auto", tmp_path / "masklets")
    train = ["--experiment", "overfit", "--set", "steps=1", "--set", "stages.0.videos.frames=2"]
    assert call(folder, "retrain", "--out", tmp_path / "first", *train) == 2
    opened = Project.open(folder)
    judge(opened, person(opened, "ben"), Verdict.SATISFACTORY)
    assert call(folder, "retrain", "--out", tmp_path / "second", *train) == 0
    assert latest_model(opened.database) == tmp_path / "second" / "model.pt"
    assert call(folder, "retrain", "--out", tmp_path / "third", *train, "--phases", 0) == 0
    with opened.database.reads() as session:
        version = session.get_one(ModelVersionRow, 3)
        assert (version.name, version.path) == ("version 2", str(tmp_path / "third" / "model.pt"))
        assert version.note == f"1 masklets of phases 0, from {tmp_path / 'second' / 'model.pt'}"
    opened.close()


def test_a_video_twice_in_a_table_is_refused(tmp_path: Path) -> None:
    table = tmp_path / "table.csv"
    table.write_text("video,who\na.mp4,eva\na.mp4,tom\n")
    with pytest.raises(DataError, match="two rows for"):
        read_table(table, ["who"], None)
    table.write_bytes(b"video,who\n\xff\xfe,x\n")
    with pytest.raises(DataError, match="cannot be read as CSV"):
        read_table(table, ["who"], None)
