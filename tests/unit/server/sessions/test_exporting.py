"""The downloads through the routes: each kind, some frames or objects, what is refused."""

import csv
import io
import json
import zipfile
from dataclasses import replace
from fractions import Fraction
from typing import Any

import av
import cv2
import numpy as np
import pytest
from PIL import Image
from small_app import open_small
from starlette.testclient import TestClient

from sam2_demo.core.masks import EncodedMask
from sam2_demo.export.masklets import ObjectLabel
from sam2_demo.server.app_state import AppState
from sam2_demo.server.palette import object_color
from sam2_demo.server.sessions.export_kinds import EXPORT_KINDS
from sam2_demo.server.sessions.exporting import snapshot
from sam2_demo.server.sessions.store import token_of
from sam2_demo.session.open_video import OpenVideo
from sam2_demo.video.ingest.jpeg_files import OWN_SIZE_FOLDER, frame_path


@pytest.fixture
def video(state: AppState, client: TestClient) -> OpenVideo:
    """Returns an open video with two objects, propagated."""
    video = open_small(state)
    for action, fields in (
        ("prompt", {"frame": 0, "object": 1, "points": [[20, 20, 1]]}),
        ("prompt", {"frame": 0, "object": 2, "box": [40, 20, 60, 40]}),
        ("settings", {"object": 2, "name": "cup", "color": [1, 2, 3]}),
        ("propagate", {"frame": 0}),
    ):
        assert client.post(f"videos/{token_of(video)}/{action}", json=fields).status_code == 200
    return video


def reports(client: TestClient, video: OpenVideo, fields: dict[str, Any]) -> list[dict[str, Any]]:
    answer = client.post(f"videos/{token_of(video)}/export", json=fields)
    assert answer.status_code == 200, answer.text
    return [json.loads(line) for line in answer.text.splitlines() if line]


def export(client: TestClient, video: OpenVideo, kind: str, **fields: Any) -> bytes:
    """Returns a download after its whole way: asked for, written, fetched."""
    *progress, last = reports(client, video, {"kind": kind} | fields)
    assert progress[-1]["stage"] == "writing"
    assert progress[-1]["done"] == progress[-1]["total"]
    assert last["download"] == f"exports/{kind}"
    answer = client.get(f"videos/{token_of(video)}/{last['download']}")
    assert len(answer.content) == last["bytes"]
    assert answer.headers["content-type"] == EXPORT_KINDS[kind].media_type
    disposition = f'attachment; filename="small_{EXPORT_KINDS[kind].suffix}"'
    assert answer.headers["content-disposition"] == disposition
    return answer.content


def first_png(content: bytes) -> np.ndarray:
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        names = sorted(name for name in archive.namelist() if name.endswith(".png"))
        return np.asarray(Image.open(io.BytesIO(archive.read(names[0]))))


@pytest.mark.parametrize("kind", ["overlay", "webm", "prores", "matte", "gif"])
def test_videos(client: TestClient, video: OpenVideo, kind: str) -> None:
    with av.open(io.BytesIO(export(client, video, kind))) as container:
        frames = list(container.decode(video=0))
    assert [float(frame.time) for frame in frames] == pytest.approx(
        [0, 0.1, 0.2, 0.3, 0.4, 0.5], abs=0.01
    )
    assert (frames[0].height, frames[0].width) == (48, 64)


def test_a_steady_rate_of_choice(client: TestClient, video: OpenVideo) -> None:
    with av.open(io.BytesIO(export(client, video, "matte", fps=29.97))) as container:
        rate, times = container.streams.video[0].average_rate, list(container.decode(video=0))
    assert rate == Fraction(30000, 1001)
    assert len(times) == 18  # of 0.6 s


def test_pictures(client: TestClient, video: OpenVideo) -> None:
    palette = first_png(export(client, video, "palette"))
    assert (palette[20, 20], palette[30, 50], palette[45, 5]) == (1, 2, 0)
    assert first_png(export(client, video, "objects"))[20, 20] == 255
    assert first_png(export(client, video, "cutouts"))[20, 20, 3] == 255
    soft = first_png(export(client, video, "soft"))
    assert soft[20, 20] == 225  # a logit of 2 is a probability of 0.88
    assert soft[45, 5] == 12


def test_one_frame_as_one_picture(client: TestClient, video: OpenVideo) -> None:
    def png(kind: str) -> np.ndarray:
        return np.asarray(Image.open(io.BytesIO(export(client, video, kind, first=2, last=2))))

    mask, cut, drawn = png("mask_png"), png("cutout_png"), png("effects_png")
    assert (mask[20, 20], mask[30, 50], mask[45, 5]) == (1, 2, 0)
    assert (cut[20, 20, 3], cut[45, 5, 3]) == (255, 0)
    np.testing.assert_array_equal(cut[20, 20, :3], video.video[2][20, 20])
    np.testing.assert_array_equal(drawn[45, 5], video.video[2][45, 5])
    assert (drawn[20, 20] != video.video[2][20, 20]).any()


def test_data(client: TestClient, video: OpenVideo) -> None:
    coco = json.loads(export(client, video, "coco"))
    assert [category["name"] for category in coco["categories"]] == ["Object 1", "cup"]
    assert len(coco["images"]) == 6
    ytvis = json.loads(export(client, video, "ytvis"))
    assert [len(row["segmentations"]) for row in ytvis["annotations"]] == [6, 6]
    assert len(json.loads(export(client, video, "sa_v"))["masklet"]) == 2
    table = list(csv.DictReader(io.StringIO(export(client, video, "boxes").decode("utf-8-sig"))))
    assert [row["name"] for row in table] == ["Object 1", "cup"] * 6
    scores = json.loads(export(client, video, "scores"))
    assert scores["frames"][5]["objects"][1]["iou"] == 0.9
    with zipfile.ZipFile(io.BytesIO(export(client, video, "yolo"))) as archive:
        assert len(archive.namelist()) == 14


def test_some_frames_of_one_object(client: TestClient, video: OpenVideo) -> None:
    scores = json.loads(export(client, video, "scores", first=2, last=3, objects=[2]))
    assert scores["objects"] == {"2": "cup"}
    assert [row["frame"] for row in scores["frames"]] == [2, 3]
    assert [row["time_s"] for row in scores["frames"]] == [0.2, 0.3]


def test_every_download_has_the_edge_that_was_chosen(client: TestClient, video: OpenVideo) -> None:
    before = json.loads(export(client, video, "coco"))["annotations"]
    edge = {"object": 1, "edge": {"grow_px": 3, "feather_px": 4}}
    assert client.post(f"videos/{token_of(video)}/settings", json=edge).status_code == 200
    after = json.loads(export(client, video, "coco"))["annotations"]
    assert after[0]["bbox"] == [before[0]["bbox"][0] - 3, before[0]["bbox"][1] - 3, 17, 17]
    assert after[1] == before[1]  # the other object
    right = int(after[0]["bbox"][0]) + 17  # the first column outside
    alpha = first_png(export(client, video, "cutouts"))[..., 3]
    assert 0 < alpha[20, right] < 128 < alpha[20, right - 1] < 255
    with av.open(io.BytesIO(export(client, video, "matte"))) as container:
        matte = next(container.decode(video=0)).to_ndarray(format="rgb24")[..., 0]
    np.testing.assert_allclose(matte[20, 5:35].astype(int), alpha[20, 5:35], atol=12)
    client.post(f"videos/{token_of(video)}/undo", json={})
    assert json.loads(export(client, video, "coco"))["annotations"] == before


def test_hidden_objects_are_data_but_not_drawn(client: TestClient, video: OpenVideo) -> None:
    def objects_in(kind: str, **fields: Any) -> list[int]:
        shown_only = EXPORT_KINDS[kind].shown_only
        return list(snapshot(video, range(6), shown_only=shown_only, **fields).objects)

    client.post(f"videos/{token_of(video)}/settings", json={"object": 1, "visible": False})
    assert objects_in("coco") == [1, 2]
    assert objects_in("overlay") == [2]
    assert objects_in("overlay", chosen=frozenset({1})) == [1]


def test_names_colours_and_order_are_those_of_the_page(
    client: TestClient, video: OpenVideo
) -> None:
    client.post(f"videos/{token_of(video)}/move_object", json={"object": 2, "place": 0})
    objects = snapshot(video, range(6)).objects
    assert list(objects) == [2, 1]
    assert objects == {
        2: ObjectLabel("cup", (1, 2, 3)),
        1: ObjectLabel("Object 1", object_color(1)),
    }


def test_effects_are_drawn(client: TestClient, video: OpenVideo) -> None:
    green = {"objects": "original", "background": "erase", "color": "#00b140"}
    with av.open(io.BytesIO(export(client, video, "overlay", effects=green))) as container:
        picture = next(container.decode(video=0)).to_ndarray(format="rgb24")
    np.testing.assert_allclose(picture[45, 5].astype(int), (0, 177, 64), atol=8)
    assert np.abs(picture[20, 20].astype(int)).max() < 8


@pytest.mark.parametrize(
    ("fields", "code"),
    [
        ({"kind": "exe"}, "UNKNOWN_EXPORT"),
        ({"kind": "coco", "last": 6}, "BAD_FRAME"),
        ({"kind": "coco", "first": 3, "last": 2}, "BAD_FRAME"),
        ({"kind": "coco", "first": True}, "BAD_FRAME"),
        ({"kind": "coco", "last": "all"}, "BAD_FRAME"),
        ({"kind": "coco", "objects": ["1"]}, "BAD_OBJECT"),
        ({"kind": "coco", "objects": 1}, "BAD_OBJECT"),
        ({"kind": "coco", "effects": {"objects": "explode"}}, "BAD_EFFECT"),
        ({"kind": "coco", "effects": {"background": 1}}, "BAD_EFFECT"),
        ({"kind": "coco", "effects": {"strength": 4}}, "BAD_EFFECT"),
        ({"kind": "coco", "effects": {"strength": True}}, "BAD_EFFECT"),
        ({"kind": "coco", "effects": {"color": "red"}}, "BAD_EFFECT"),
        ({"kind": "coco", "effects": {"color": "#12345é"}}, "BAD_EFFECT"),
        ({"kind": "coco", "effects": {"emoji": "../x"}}, "BAD_EFFECT"),
        ({"kind": "coco", "effects": {"text": "x" * 41}}, "BAD_EFFECT"),
        ({"kind": "coco", "effects": {"text": " "}}, "BAD_EFFECT"),
        ({"kind": "coco", "effects": {"text": "a\nb"}}, "BAD_EFFECT"),
        ({"kind": "coco", "effects": {"__class__": "x"}}, "BAD_EFFECT"),
        ({"kind": "coco", "effects": []}, "BAD_EFFECT"),
        ({"kind": "matte", "fps": 0}, "OUT_OF_RANGE"),
        ({"kind": "matte", "fps": "25"}, "BAD_NUMBER"),
    ],
)
def test_what_cannot_be_written_is_refused(
    client: TestClient, video: OpenVideo, fields: dict[str, Any], code: str
) -> None:
    answer = client.post(f"videos/{token_of(video)}/export", json=fields)
    assert answer.status_code in (404, 422)
    assert answer.json()["error"]["code"] == code
    assert (
        client.get(f"videos/{token_of(video)}/exports/coco").json()["error"]["code"] == "NOT_MADE"
    )


def test_nothing_to_download_is_said(state: AppState, client: TestClient, video: OpenVideo) -> None:
    (answer,) = reports(client, open_small(state), {"kind": "coco"})
    assert answer["error"]["code"] == "NO_MASKS"
    (answer,) = reports(client, video, {"kind": "coco", "objects": [9]})
    assert answer["error"]["code"] == "NO_MASKS"


def test_clicks_after_the_start_do_not_change_a_file(state: AppState, video: OpenVideo) -> None:
    masklets = snapshot(video, range(6))
    before = masklets.masks_on(0)[1]
    video.change(lambda session: session.clear_object(1))
    assert masklets.masks_on(0)[1] == before
    assert before != EncodedMask.empty(before.size_hw)


def test_a_picture_is_a_video_of_one_frame(state: AppState, client: TestClient) -> None:
    video = open_small(state, frames=1)
    click = {"frame": 0, "object": 1, "points": [[20, 20, 1]]}
    assert client.post(f"videos/{token_of(video)}/prompt", json=click).status_code == 200
    for kind in EXPORT_KINDS:
        content = export(client, video, kind)
        if EXPORT_KINDS[kind].media_type.startswith(("video/", "image/")):
            with av.open(io.BytesIO(content)) as container:
                assert len(list(container.decode(video=0))) == 1


def test_images_are_exported_at_their_own_size(client: TestClient, video: OpenVideo) -> None:
    """Frames of 64 x 48 pixels are open of images of 128 x 96."""
    folder = video.video.folder
    for index in range(6):
        path = frame_path(folder / OWN_SIZE_FOLDER, index)
        path.parent.mkdir(parents=True, exist_ok=True)
        cv2.imwrite(str(path), np.full((96, 128, 3), 10 * index, np.uint8))
    small = first_png(export(client, video, "objects")) > 0
    video.video = replace(video.video, own_size_hw=(96, 128))
    large = first_png(export(client, video, "objects")) > 0
    assert large.shape == (96, 128)
    np.testing.assert_allclose(large.sum(), 4 * small.sum(), rtol=0.03)
    assert (large[1::2, 1::2] == small).mean() > 0.98
    coco = json.loads(export(client, video, "coco"))
    assert coco["images"][0]["width"] == 128
    assert coco["annotations"][0]["segmentation"]["size"] == [96, 128]
    assert coco["annotations"][0]["area"] == large.sum()
    drawn = Image.open(io.BytesIO(export(client, video, "effects_png", first=2, last=2)))
    assert drawn.size == (128, 96)
    soft = first_png(export(client, video, "soft"))
    assert soft.shape == (96, 128)
    assert ((soft > 127) == large).all()

    edge = {"object": 1, "edge": {"grow_px": 3, "feather_px": 2}}
    client.post(f"videos/{token_of(video)}/settings", json=edge)
    grown = snapshot(video, range(6)).masks_on(0)[1].decode()
    assert grown.sum() > 1.5 * small.sum()
    matte = first_png(export(client, video, "mattes")) / 65535
    assert ((matte[1::2, 1::2] > 0.5) == grown).mean() > 0.98
    assert 0.02 < ((matte > 0.02) & (matte < 0.98)).mean() < 0.1
    with av.open(io.BytesIO(export(client, video, "matte"))) as container:
        assert container.streams.video[0].width == 64
