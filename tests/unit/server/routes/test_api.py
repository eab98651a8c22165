"""The calls for programs: the documented example, refusals, and the same calls for agents."""

import asyncio
import contextlib
import io
import json
import re
import urllib.request
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import httpx
import media_clips
import pytest
from browser import TOP
from gradio_client import Client, handle_file
from gradio_client.exceptions import AppError
from mcp import ClientSession
from mcp.client.streamable_http import streamablehttp_client
from pycocotools import mask as coco

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning")
FRAMES = 6


@pytest.fixture(scope="module")
def client(app: str) -> Client:
    return Client(app, verbose=False)


def test_the_example_in_the_documentation_runs(
    app: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    example = re.search(
        r"```python\n(.*?)```", (TOP / "assets" / "docs" / "api.md").read_text(), re.DOTALL
    )
    assert example is not None
    media_clips.write_clip(tmp_path / "clip.mp4", FRAMES)
    monkeypatch.chdir(tmp_path)
    names: dict[str, Any] = {}
    with contextlib.redirect_stdout(io.StringIO()):
        exec(example[1].replace("http://127.0.0.1:7860", app), names)
    assert (names["height"], names["width"]) == media_clips.SIZE_HW
    assert names["progress"] == {"done": FRAMES, "complete": True}
    assert [frame["frame"] for frame in names["found"]["frames"]] == list(range(FRAMES))
    assert coco.decode(names["run_lengths"]).shape == media_clips.SIZE_HW
    assert (tmp_path / "clip.sam2.json").stat().st_size == names["session"]["bytes"]
    assert names["opened"]["same_model"]
    with pytest.raises(AppError, match="CLOSED"):
        names["client"].predict(token=names["token"], api_name="/masks")


def test_undo_takes_a_prompt_back_and_exports_are_fetched(app: str, client: Client) -> None:
    token = client.predict(sample="meadow.mp4", api_name="/open_sample")["token"]
    box = {"frame": 2, "object": 3, "box": [100.0, 100.0, 300.0, 260.0]}
    answered = client.predict(token=token, **box, api_name="/prompt")
    assert [frame["frame"] for frame in answered["frames"]] == [2]
    made = client.predict(token=token, kind="coco", api_name="/export")
    with urllib.request.urlopen(app + made["url"]) as answer:
        assert len(answer.read()) == made["bytes"]
    with pytest.raises(AppError, match="BAD_SHAPE"):
        client.predict(token=token, frame=2, object=3, points=[[100, 100]], api_name="/prompt")
    client.predict(token=token, api_name="/undo")
    assert client.predict(token=token, api_name="/masks")["frames"] == []


def test_a_closed_video_is_gone_with_the_file_that_was_sent(app: str, tmp_path: Path) -> None:
    clip = media_clips.write_clip(tmp_path / "gone.mp4", FRAMES).read_bytes()
    with httpx.Client(base_url=app, timeout=60) as web:
        (path,) = web.post("/gradio_api/upload", files={"files": ("gone.mp4", clip)}).json()
        assert web.get(f"/gradio_api/file={path}").content == clip
        client = Client(app, verbose=False)
        video = {"path": path, "orig_name": "gone.mp4", "meta": {"_type": "gradio.FileData"}}
        token = client.predict(video=video, api_name="/open_video")["token"]
        assert client.predict(token=token, api_name="/close_video") == {"closed": token}
        assert web.get(f"/gradio_api/file={path}").content != clip
    with pytest.raises(AppError, match="SESSION_CLOSED"):
        client.predict(token=token, api_name="/close_video")
    with pytest.raises(AppError, match="UNKNOWN_SESSION"):
        client.predict(token="guessed", api_name="/close_video")


@pytest.mark.parametrize(
    ("call", "fields"),
    [
        ("/masks", {"token": 7}),
        ("/masks", {"token": ["a"]}),
        ("/masks", {"token": {"a": 1}}),
        ("/close_video", {"token": None}),
        ("/prompt", {"token": "guessed", "frame": "x", "object": []}),
        ("/open_sample", {"sample": 7}),
        ("/open_sample", {"sample": ["meadow.mp4"]}),
        ("/export", {"token": "guessed", "kind": {}}),
    ],
)
def test_arguments_of_other_types_are_refused_in_words(
    client: Client, call: str, fields: dict[str, Any]
) -> None:
    with pytest.raises(AppError, match=r"\([A-Z_]+\)") as refused:
        client.predict(**fields, api_name=call)
    assert "INTERNAL" not in str(refused.value)


def test_everything_found_on_a_frame_becomes_objects(app: str, client: Client) -> None:
    token = client.predict(sample="meadow.mp4", api_name="/open_sample")["token"]
    fields = {"token": token, "frame": 1, "grid": [4], "least_iou": 0.3, "least_stability": 0.5}
    *progress, last = client.submit(**fields, api_name="/find_everything")
    assert progress[-1] == {"done": 16, "total": 16}
    assert len(last["objects"]) == last["found"] >= 1
    (frame,) = last["frames"]
    assert [each["object"] for each in frame["objects"]] == last["objects"]
    with pytest.raises(AppError, match="BAD_GRID"):
        client.predict(token=token, grid=[0], api_name="/find_everything")
    client.predict(token=token, api_name="/undo")
    assert client.predict(token=token, api_name="/masks")["frames"] == []


def test_a_session_goes_to_another_opening_of_the_video(
    app: str, client: Client, tmp_path: Path
) -> None:
    here, there = (
        client.predict(sample="meadow.mp4", api_name="/open_sample")["token"] for _ in range(2)
    )
    box = {"frame": 2, "object": 3, "box": [100.0, 100.0, 300.0, 260.0]}
    answered = client.predict(token=here, **box, api_name="/prompt")["frames"]
    saved = client.predict(token=here, api_name="/save_session")
    path, _ = urllib.request.urlretrieve(app + saved["url"], tmp_path / "meadow.sam2.json")
    client.predict(token=there, frame=0, object=1, points=[[5, 5, 1]], api_name="/prompt")
    fields = {"token": there, "session": handle_file(path)}
    opened = client.predict(**fields, api_name="/open_session")
    assert [frame["frame"] for frame in opened["frames"]] == [0, 2]
    assert client.predict(token=there, api_name="/masks")["frames"] == answered
    client.predict(token=there, api_name="/undo")
    (before,) = client.predict(token=there, api_name="/masks")["frames"]
    assert before["frame"] == 0


def test_masks_of_another_tool_replace_the_objects(client: Client, tmp_path: Path) -> None:
    clip = handle_file(str(media_clips.write_clip(tmp_path / "clip.mp4", FRAMES)))
    token = client.predict(video=clip, api_name="/open_video")["token"]
    client.predict(token=token, frame=0, object=1, points=[[5, 5, 1]], api_name="/prompt")
    height, width = media_clips.SIZE_HW
    image = {"id": 1, "file_name": "00003.jpg", "height": height, "width": width}
    outline = [5, 5, 25, 5, 25, 25, 5, 25]
    record = {"image_id": 1, "category_id": 1, "track_id": 9, "segmentation": [outline]}
    content = {"images": [image], "categories": [{"id": 1, "name": "dog"}], "annotations": [record]}
    path = tmp_path / "masks.json"
    path.write_text(json.dumps(content))
    fields = {"token": token, "file": handle_file(str(path))}
    loaded = client.predict(**fields, prompted_every=1, api_name="/load_masks")
    frames = loaded.pop("frames")
    assert loaded == {"objects": 1, "masks": 1, "boxes": 0, "elsewhere": 0, "first": 3}
    assert [frame["frame"] for frame in frames] == [0, 3]
    (now,) = client.predict(token=token, api_name="/masks")["frames"]
    assert [each["object"] for each in now["objects"]] == [9]
    with pytest.raises(AppError, match="OUT_OF_RANGE"):
        client.predict(**fields, prompted_every=-1, api_name="/load_masks")
    with pytest.raises(AppError, match="BAD_MASK_FILE"):
        client.predict(token=token, file=clip, api_name="/load_masks")
    client.predict(token=token, api_name="/undo")
    (before,) = client.predict(token=token, api_name="/masks")["frames"]
    assert before["frame"] == 0


def test_a_part_of_a_video_opens_by_its_start_and_end(client: Client, tmp_path: Path) -> None:
    clip = handle_file(str(media_clips.write_clip(tmp_path / "clip.mp4", 50)))
    part = client.predict(video=clip, start_s=1.0, end_s=1.2, api_name="/open_video")
    assert (part["frames"], part["frame_times_s"][0]) == (5, 0)
    with pytest.raises(AppError, match="OUT_OF_RANGE"):
        client.predict(video=clip, start_s=1.0, end_s=1.0, api_name="/open_video")


@pytest.mark.parametrize(
    ("call", "fields", "code"),
    [
        ("/masks", {"token": "guessed"}, "UNKNOWN_SESSION"),
        ("/open_sample", {"sample": "../secret"}, "UNKNOWN_SAMPLE"),
        (
            "/open_video",
            {"video": {"path": "/etc/passwd", "orig_name": "a", "meta": {}}},
            "NO_FILE",
        ),
        ("/save_session", {"token": "guessed"}, "UNKNOWN_SESSION"),
    ],
)
def test_what_is_refused(client: Client, call: str, fields: dict[str, Any], code: str) -> None:
    with pytest.raises(AppError, match=code):
        client.predict(**fields, api_name=call)


def test_agents_find_the_same_calls(app: str) -> None:
    async def ask() -> tuple[set[str], Any]:
        async with (
            streamablehttp_client(app + "gradio_api/mcp/") as (reading, writing, _),
            ClientSession(reading, writing) as session,
        ):
            await session.initialize()
            tools = {tool.name for tool in (await session.list_tools()).tools}
            answer = await session.call_tool("open_sample", {"sample": "meadow.mp4"})
            return tools, answer

    with ThreadPoolExecutor(1) as thread:  # this one may have an event loop: the browser's
        tools, answer = thread.submit(asyncio.run, ask()).result()
    assert {"open_video", "prompt", "propagate", "masks", "export"} <= tools
    assert {"save_session", "open_session", "load_masks"} <= tools
    assert not answer.isError
    assert "token" in answer.content[0].text
