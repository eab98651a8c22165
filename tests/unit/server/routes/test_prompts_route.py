"""Masks, candidates and previews as the page sends and gets them."""

from typing import Any

import numpy as np
import pytest
from session_actions import kept_of, state_of
from small_app import SIZE_HW, post
from starlette.testclient import TestClient

from sam2_demo.core import masks
from sam2_demo.core.errors import PromptError
from sam2_demo.core.masks import EncodedMask, max_characters
from sam2_demo.server.sessions.store import token_of
from sam2_demo.session.open_video import OpenVideo

AT = {"frame": 0, "object": 1}
CLICK = AT | {"points": [[20, 20, 1]]}


def code_of(answer: Any) -> str:
    return answer.json()["error"]["code"]


def drawn_mask() -> EncodedMask:
    mask = np.zeros(SIZE_HW, bool)
    mask[5:9, 30:50] = True
    return EncodedMask.encode(mask)


def test_a_drawn_mask_is_the_answer_and_is_kept(client: TestClient, video: OpenVideo) -> None:
    given = drawn_mask()
    answer = post(client, video, "prompt", AT | {"mask": given.counts})
    ((_, ((_, counts, _, _),)),) = answer["frames"]
    assert counts == given.counts
    assert answer["prompts"] == [[1, 0, [], None, 1, None]]
    assert kept_of(video).prompts[1, 0].mask == given


def test_clicks_on_a_drawn_mask_need_not_send_it_again(
    client: TestClient, video: OpenVideo
) -> None:
    post(client, video, "prompt", AT | {"mask": drawn_mask().counts})
    answer = post(client, video, "prompt", CLICK | {"mask": True})
    assert answer["prompts"] == [[1, 0, [[20, 20, 1]], None, 1, None]]
    assert video.session.prompts[1, 0].mask == drawn_mask()
    without = post(client, video, "prompt", CLICK)
    assert without["prompts"] == [[1, 0, [[20, 20, 1]], None, 0, None]]
    refused = client.post(f"videos/{token_of(video)}/prompt", json=CLICK | {"mask": True})
    assert code_of(refused) == "MASK_GONE"


@pytest.mark.parametrize(
    ("counts", "code"),
    [
        (7, "BAD_MASK"),
        (False, "BAD_MASK"),
        ("", "BAD_MASK"),
        ("a", "BAD_MASK"),  # says that more follows
        ("\x00", "BAD_MASK"),
        ("é1", "BAD_MASK"),
        ("o" * 20 + "1", "BAD_MASK"),  # one endless number
        ("1", "MASK_SIZE"),
        (EncodedMask.empty((47, 64)).counts, "MASK_SIZE"),
        (EncodedMask.empty(SIZE_HW).counts + "1O", "MASK_SIZE"),  # a run of -1
    ],
)
def test_hostile_masks_are_refused(
    client: TestClient, video: OpenVideo, counts: Any, code: str
) -> None:
    refused = client.post(f"videos/{token_of(video)}/prompt", json=AT | {"mask": counts})
    assert code_of(refused) == code
    assert video.session.prompts == {}


def test_received_masks_are_those_that_were_sent() -> None:
    rng = np.random.default_rng(0)
    for share in (0.0, 0.01, 0.5, 1.0):
        mask = EncodedMask.encode(rng.random((37, 53)) < share)
        assert EncodedMask.received((37, 53), mask.counts) == mask


def test_a_mask_has_one_form_however_it_was_written() -> None:
    # 6 pixels as runs of 2, 1, 0, 0, 3: the same as 2, 1, 3
    detour = EncodedMask.received((2, 3), "210O3")
    assert detour == EncodedMask.received((2, 3), "213")
    with pytest.raises(PromptError, match="add up to 3 x 2"):
        EncodedMask.received((2, 3), "214")


def test_no_mask_is_longer_than_the_longest_that_there_is() -> None:
    rng = np.random.default_rng(0)
    for size_hw in ((1, 1), (1, 50), (37, 53), (64, 64)):
        for side_px in (1, 3, 17, 33):
            squares = np.kron(rng.random((64, 64)) < 0.5, np.ones((side_px, side_px)))
            mask = EncodedMask.encode(squares[: size_hw[0], : size_hw[1]].astype(bool))
            assert len(mask.counts) <= max_characters(size_hw)


def test_a_text_too_long_for_any_mask_is_not_decoded(monkeypatch: pytest.MonkeyPatch) -> None:
    decoded: list[str] = []
    monkeypatch.setattr(masks, "run_lengths", decoded.append)
    with pytest.raises(PromptError) as refused:
        EncodedMask.received((48, 64), "0" * 63_000_000)
    assert (refused.value.code, decoded) == ("MASK_SIZE", [])


def test_candidates_that_look_alike_are_offered_once(client: TestClient, video: OpenVideo) -> None:
    post(client, video, "prompt", CLICK)
    offered = post(client, video, "candidates", AT)["candidates"]
    assert [(number, iou) for number, _, iou in offered] == [(0, 0.9), (1, 0.8), (2, 0.7)]
    areas = [EncodedMask(SIZE_HW, counts).area_px for _, counts, _ in offered]
    assert areas[1] < areas[0] < areas[2]


def test_a_chosen_candidate_is_kept(client: TestClient, video: OpenVideo) -> None:
    answer = post(client, video, "prompt", CLICK | {"candidate": 2})
    assert answer["prompts"] == [[1, 0, [[20, 20, 1]], None, 0, 2]]
    assert kept_of(video).prompts[1, 0].candidate == 2
    for wrong in (3, -1, "1", True, 1.0):
        refused = client.post(f"videos/{token_of(video)}/prompt", json=CLICK | {"candidate": wrong})
        assert code_of(refused) == "BAD_CANDIDATE"
    box = AT | {"box": [1, 1, 9, 9], "candidate": 0}
    assert code_of(client.post(f"videos/{token_of(video)}/prompt", json=box)) == "NO_CANDIDATES"


def test_a_preview_changes_nothing(client: TestClient, video: OpenVideo) -> None:
    moved = AT | {"points": [[30, 20, 1]]}
    assert post(client, video, "preview", moved) == {"counts": None}  # not encoded yet
    assert post(client, video, "encode", {"frame": 0}) == {"encoded": True}
    empty = client.get(f"videos/{token_of(video)}").json()
    assert EncodedMask(SIZE_HW, post(client, video, "preview", moved)["counts"]).decode()[20, 30]
    assert client.get(f"videos/{token_of(video)}").json() == empty
    post(client, video, "prompt", AT | {"mask": drawn_mask().counts})
    before = client.get(f"videos/{token_of(video)}").json()
    counts = post(client, video, "preview", moved | {"mask": True})["counts"]
    assert EncodedMask(SIZE_HW, counts).decode()[20, 30]
    assert client.get(f"videos/{token_of(video)}").json() == before
    assert state_of(kept_of(video)) == state_of(video.session)
    for wrong, code in (
        ({"points": [[99, 20, 1]]}, "POINT_OUTSIDE"),
        ({"points": []}, "EMPTY_PROMPT"),
        ({"object": 0}, "BAD_OBJECT"),
        ({"object": 2, "mask": True}, "MASK_GONE"),
    ):
        refused = client.post(f"videos/{token_of(video)}/preview", json=moved | wrong)
        assert code_of(refused) == code


def test_a_frame_is_encoded_ahead_only_where_nothing_else_is_computed(
    client: TestClient, video: OpenVideo
) -> None:
    with video.turn():
        assert post(client, video, "encode", {"frame": 0}) == {"encoded": False}
    assert post(client, video, "preview", CLICK) == {"counts": None}
    refused = client.post(f"videos/{token_of(video)}/encode", json={"frame": 6})
    assert code_of(refused) == "BAD_FRAME"
