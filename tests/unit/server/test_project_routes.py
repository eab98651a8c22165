"""A project on the page: signing in, tasks by the rules of their phase, verdicts, refusals."""

import dataclasses
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from media_clips import write_clip
from small_app import client_of, small_state
from small_project import Clock
from starlette.testclient import TestClient

import app
from sam2_demo.core.errors import ProjectError, SettingError
from sam2_demo.data_engine.project.files.importing import Importer
from sam2_demo.data_engine.project.people.people import FREE_GUESSES, PAUSE_S, SIGNED_IN_S
from sam2_demo.data_engine.project.people.users_file import Right, read_users, set_user
from sam2_demo.data_engine.project.project import Project
from sam2_demo.data_engine.project.tasks.queue import LEASE_S
from sam2_demo.session.session import VideoSession

SIZE_HW = (64, 96)
FRAMES = 12
"""Of which three are annotated."""
PASSWORDS = {"ana": "correct horse", "ben": "battery staple", "eva": "only looks at it"}
CLICK = {"object": 1, "points": [[40, 30, True]]}


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def users(tmp_path: Path) -> Path:
    path = tmp_path / "users.json"
    for name, password in PASSWORDS.items():
        rights = [Right.VERIFY] if name == "eva" else list(Right)
        set_user(path, name, password, rights)
    return path


@pytest.fixture
def project(tmp_path: Path, users: Path, clock: Clock) -> Iterator[Project]:
    project = Project.open(tmp_path / "project", users=users, clock=clock)
    yield project
    project.close()


@contextmanager
def server(folder: Path, project: Project) -> Iterator[TestClient]:
    state = dataclasses.replace(small_state(folder / "data"), project=project)
    with client_of(state) as client:
        yield client


@pytest.fixture
def visitor(tmp_path: Path, project: Project) -> Iterator[TestClient]:
    with server(tmp_path, project) as client:
        yield client


def add_clip(project: Project, folder: Path, phase: int, masklets: int = 1) -> None:
    path = write_clip(folder / "clip.mp4", size_hw=SIZE_HW, frames=FRAMES)
    Importer(project.database, project.videos).add_video(path, phase, masklets)


def sign_in(visitor: TestClient, name: str) -> None:
    visitor.cookies.clear()
    fields = {"name": name, "password": PASSWORDS[name]}
    assert visitor.post("project/sign_in", json=fields).status_code == 200


def ask(visitor: TestClient, path: str, **fields: Any) -> dict[str, Any]:
    answer = visitor.post(path, json=fields)
    assert answer.status_code == 200, answer.text
    return answer.json()


def refused(visitor: TestClient, path: str, **fields: Any) -> str:
    """Returns the code of a refusal, which is one sentence."""
    answer = visitor.post(path, json=fields)
    assert answer.status_code in (401, 422), answer.text
    error = answer.json()["error"]
    assert error["text"].endswith(".")
    assert error["text"].count(". ") == 0
    return error["code"]


def take(visitor: TestClient, kind: str) -> dict[str, Any]:
    return ask(visitor, "project/take", kind=kind)["task"]


def test_nobody_who_is_not_signed_in_gets_anything(visitor: TestClient, clock: Clock) -> None:
    assert visitor.get("project").status_code == 401
    assert refused(visitor, "project/take", kind="annotate") == "SIGN_IN"
    assert visitor.get("project/statistics.csv").status_code == 401
    wrong = {"name": "ana", "password": "wrong"}
    for _ in range(FREE_GUESSES):
        assert refused(visitor, "project/sign_in", **wrong) == "WRONG_PASSWORD"
    right = {"name": "ana", "password": PASSWORDS["ana"]}
    assert refused(visitor, "project/sign_in", **right) == "PAUSED"
    assert refused(visitor, "project/sign_in", name="tom", password="x") == "WRONG_PASSWORD"
    clock.now += PAUSE_S
    sign_in(visitor, "ana")
    home = visitor.get("project").json()
    assert (home["name"], home["for_one"], home["rights"]) == ("ana", False, ["annotate", "verify"])
    secret = visitor.cookies["sam2_project"]
    ask(visitor, "project/sign_out")
    visitor.cookies.set("sam2_project", secret)
    assert visitor.get("project").status_code == 401
    sign_in(visitor, "ana")
    clock.now += SIGNED_IN_S + 1
    assert visitor.get("project").status_code == 401


def test_a_project_opens_no_videos_of_others(visitor: TestClient) -> None:
    for path in ("uploads", "open", "camera", "model"):
        assert refused(visitor, path) == "NOT_IN_A_PROJECT"
    assert refused(visitor, f"videos/{'a' * 32}/prompt") == "SIGN_IN"


def test_each_phase_has_its_rules(visitor: TestClient, project: Project, tmp_path: Path) -> None:
    add_clip(project, tmp_path, phase=1)
    sign_in(visitor, "ana")
    task = take(visitor, "annotate")
    assert (task["phase"], task["phase_name"]) == (1, "SAM per frame")
    video = f"videos/{task['session']}"
    assert len(visitor.get(video).json()["frame_times_s"]) == 3
    ask(visitor, f"{video}/prompt", frame=0, **CLICK)
    for action in ("propagate", "find", "export", "duplicate_object", "model", "check"):
        assert refused(visitor, f"{video}/{action}") == "NOT_IN_THIS_PHASE"
    assert visitor.get(f"{video}/session").status_code == 422
    assert visitor.get(f"{video}/exports/coco").status_code == 422
    assert refused(visitor, f"{video}/prompt", frame=0, **CLICK | {"object": 2}) == "ONE_OBJECT"
    assert refused(visitor, f"{video}/settings", object=2, name="x") == "ONE_OBJECT"
    # Somebody else knows the address, but does not hold the task.
    sign_in(visitor, "ben")
    assert refused(visitor, f"{video}/prompt", frame=0, **CLICK) == "LEASE_ENDED"
    assert take(visitor, "annotate") is None


def test_in_phase_2_masks_are_propagated_and_frames_are_begun_again(
    visitor: TestClient, project: Project, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    begun_anew: list[bool] = []
    monkeypatch.setattr(VideoSession, "preview", lambda *_, anew: begun_anew.append(anew))
    add_clip(project, tmp_path, phase=2)
    sign_in(visitor, "ana")
    video = f"videos/{take(visitor, 'annotate')['session']}"
    ask(visitor, f"{video}/prompt", frame=0, **CLICK)
    streamed = visitor.post(f"{video}/propagate", json={"frame": 0, "direction": "forward"})
    assert '"finished"' in streamed.text
    ((object_id, frame, points, box, has_mask, _),) = visitor.get(video).json()["prompts"]
    assert (object_id, frame, points, box, has_mask) == (1, 0, [], None, 1)
    ask(visitor, f"{video}/preview", frame=1, **CLICK)
    assert begun_anew == [True]
    changes = ask(visitor, f"{video}/prompt", frame=1, **CLICK)
    assert changes["undo"] == "prompt on frame 2"
    assert ask(visitor, f"{video}/undo")["undo"] == "begin the frame again"


def test_the_whole_way_of_a_masklet(
    visitor: TestClient, project: Project, tmp_path: Path, clock: Clock
) -> None:
    add_clip(project, tmp_path, phase=3)
    sign_in(visitor, "eva")
    assert refused(visitor, "project/take", kind="annotate") == "NO_RIGHT"
    sign_in(visitor, "ana")
    task = take(visitor, "annotate")
    video, path = f"videos/{task['session']}", f"project/tasks/{task['task_id']}"
    assert take(visitor, "annotate")["session"] == task["session"]  # after a reload of the page
    assert refused(visitor, f"{path}/submit", active_s=3.0) == "NOTHING_ANNOTATED"
    ask(visitor, f"{video}/prompt", frame=1, **CLICK)
    visitor.post(f"{video}/propagate", json={"frame": 1, "direction": "both"})
    clock.now += 60
    ask(visitor, f"{path}/submit", active_s=600.0)  # more than has passed
    assert visitor.get(video).status_code in (403, 410)
    assert take(visitor, "verify") is None
    assert refused(visitor, f"{path}/submit", active_s=3.0) == "TASK_DONE"
    sign_in(visitor, "ben")
    task = take(visitor, "verify")
    path = f"project/tasks/{task['task_id']}"
    shown = visitor.get(f"{path}/masklet").json()
    assert (shown["width"], shown["height"], sorted(shown["masks"])) == (96, 64, ["0", "1", "2"])
    assert visitor.get(f"{path}/frames/2.jpg").content[:2] == b"\xff\xd8"
    assert refused(visitor, f"{path}/verdict", verdict="unsatisfactory") == "NO_MARKS"
    assert refused(visitor, f"{path}/verdict", verdict="nice") == "BAD_REQUEST"
    ask(visitor, f"{path}/verdict", verdict="unsatisfactory", marks=[2], seconds=4.0)
    task = take(visitor, "annotate")
    assert (task["phase"], task["marks"]) == (3, [2])
    opened = visitor.get(f"videos/{task['session']}").json()
    assert len(opened["prompts"]) == 1  # what was made so far is there
    path = f"project/tasks/{task['task_id']}"
    assert refused(visitor, f"{path}/skip", reason="") == "NO_REASON"
    ask(visitor, f"{path}/skip", reason="too dark")
    assert take(visitor, "annotate") is None
    rows = visitor.get("project/statistics").json()["rows"]
    # 60 seconds on 3 frames, one of them edited with one click.
    assert rows[4] == ["3: SAM 2", "here", 1, 20.0, 33.33, 1.0, None, None, None, None]
    assert visitor.get("project/statistics.csv").text.startswith("phase,figures,submissions")


def test_a_lease_that_ended_is_refused_and_the_work_is_still_there(
    visitor: TestClient, project: Project, tmp_path: Path, clock: Clock
) -> None:
    add_clip(project, tmp_path, phase=3)
    sign_in(visitor, "ana")
    task = take(visitor, "annotate")
    video, path = f"videos/{task['session']}", f"project/tasks/{task['task_id']}"
    ask(visitor, f"{video}/prompt", frame=1, **CLICK)
    clock.now += LEASE_S + 1
    ask(visitor, f"{path}/renew")  # nobody took it
    clock.now += LEASE_S + 1
    sign_in(visitor, "ben")
    assert take(visitor, "annotate")["task_id"] == task["task_id"]
    sign_in(visitor, "ana")
    assert refused(visitor, f"{path}/submit", active_s=1.0) == "LEASE_ENDED"
    assert refused(visitor, f"{video}/prompt", frame=1, **CLICK) == "LEASE_ENDED"
    assert visitor.get(f"{video}/masks?first=0&last=2").json()["frames"]


def test_a_project_for_one_person_needs_nobody_to_sign_in(tmp_path: Path) -> None:
    project = Project.open(tmp_path / "project")
    add_clip(project, tmp_path, phase=3)
    with server(tmp_path, project) as visitor:
        assert visitor.get("project").json()["for_one"]
        assert take(visitor, "annotate")["phase"] == 3
    project.close()


def test_a_file_of_users_keeps_no_password(users: Path, tmp_path: Path) -> None:
    text = users.read_text()
    assert not any(password in text for password in PASSWORDS.values())
    entries = read_users(users)
    assert len({entry.salt for entry in entries.values()}) == 3
    assert entries["ana"].is_password(PASSWORDS["ana"])
    assert not entries["ana"].is_password(PASSWORDS["ben"])
    assert users.stat().st_mode & 0o077 == 0
    with pytest.raises(SettingError, match="choose one of 8 to 1000"):
        set_user(users, "tom", "short", [])
    with pytest.raises(SettingError, match="cannot be a user's name"):
        set_user(users, "../tom", "long enough", [])
    assert read_users(users) == entries
    (tmp_path / "bad.json").write_text('{"ana": {}}')
    for name in ("bad.json", "none.json"):
        with pytest.raises((SettingError, ProjectError)):
            Project.open(tmp_path / "project", users=tmp_path / name)


def test_the_app_takes_users_for_a_project_only(
    users: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert app.main(["--users", str(users)]) == 2
    assert capsys.readouterr().err.startswith("--users is about a project")
    options = app.parse_arguments(["--project", str(tmp_path / "mine")])
    with app.opened_project(options) as project:
        assert project is not None
        assert options.data_dir == tmp_path / "mine" / "open"
    assert "for one person" in capsys.readouterr().out
    with app.opened_project(app.parse_arguments([])) as project:
        assert project is None
