"""Effects: what each changes and what it leaves alone, the same whenever a frame is drawn."""

from typing import Any

import numpy as np
import pytest
from made_masklets import GREEN, RED, box_mask

from sam2_demo.core.errors import InputError
from sam2_demo.core.masks import EncodedMask
from sam2_demo.export.effects import layers
from sam2_demo.export.effects.choice import (
    BACKGROUND_EFFECTS,
    OBJECT_EFFECTS,
    PRESETS,
    STRENGTHS,
    EffectChoice,
    effects_json,
)
from sam2_demo.export.effects.drawings import text_plate
from sam2_demo.export.effects.emoji import FOLDER
from sam2_demo.export.effects.rendering import cut_out, draw_effects
from sam2_demo.export.masklets import ColoredMask

SIZE_HW = (90, 120)
MOVING = frozenset({"noise", "burst"})


def picture() -> np.ndarray:
    rng = np.random.default_rng(4)
    return rng.integers(40, 200, (*SIZE_HW, 3), dtype=np.uint8)


def box(top: int, left: int, bottom: int, right: int) -> EncodedMask:
    return EncodedMask.encode(box_mask(SIZE_HW, top, left, bottom, right))


INSIDE = ColoredMask(RED, box(30, 40, 60, 80))


def test_overlay_outline_is_solid_and_fill_translucent() -> None:
    grey = np.full((*SIZE_HW, 3), 100, np.uint8)
    drawn = draw_effects(grey, [INSIDE], EffectChoice())
    assert drawn[30, 40].tolist() == list(RED)
    assert drawn[45, 60].tolist() == [158, 73, 73]
    assert drawn[29, 40].tolist() == [100, 100, 100]
    assert grey[45, 60].tolist() == [100, 100, 100]


def test_first_object_lies_on_top() -> None:
    black = np.zeros((*SIZE_HW, 3), np.uint8)
    drawn = draw_effects(black, [INSIDE, INSIDE._replace(color=GREEN)], EffectChoice())
    assert drawn[30, 40].tolist() == list(RED)
    assert drawn[45, 60, 0] > drawn[45, 60, 1]


@pytest.mark.parametrize("name", [name for name in BACKGROUND_EFFECTS if name != "original"])
def test_backgrounds_leave_objects_alone(name: str) -> None:
    drawn = draw_effects(picture(), [INSIDE], EffectChoice("original", name))
    np.testing.assert_array_equal(drawn[31:59, 41:79], picture()[31:59, 41:79])
    changed = (drawn != picture()).any(axis=2)
    changed[29:61, 39:81] = True
    assert changed.mean() > 0.9


@pytest.mark.parametrize("name", ["gradient", "pixelate", "noise", "overlay", "erase", "emoji"])
def test_effects_within_objects_leave_the_background_alone(name: str) -> None:
    drawn = draw_effects(picture(), [INSIDE], EffectChoice(name))
    far = np.ones(SIZE_HW, bool)
    far[15:75, 30:90] = False
    np.testing.assert_array_equal(drawn[far], picture()[far])
    assert (drawn[32:58, 42:78] != picture()[32:58, 42:78]).mean() > 0.5


@pytest.mark.parametrize("name", ["cutout", "outline", "spotlight", "burst", "original"])
def test_effects_around_objects_leave_them_as_they_are(name: str) -> None:
    drawn = draw_effects(picture(), [INSIDE], EffectChoice(name))
    np.testing.assert_array_equal(drawn[31:59, 41:79], picture()[31:59, 41:79])
    assert (drawn == picture()).all() == (name == "original")


@pytest.mark.parametrize("name", OBJECT_EFFECTS)
def test_frames_are_drawn_alike_every_time_and_only_some_effects_move(name: str) -> None:
    def drawn(frame_index: int) -> np.ndarray:
        return draw_effects(picture(), [INSIDE], EffectChoice(name), frame_index)

    np.testing.assert_array_equal(drawn(7), drawn(7))
    assert np.array_equal(drawn(7), drawn(8)) == (name not in MOVING)


@pytest.mark.parametrize("choice", PRESETS.values(), ids=list(PRESETS))
@pytest.mark.parametrize("size_hw", [(1, 1), (1, 40), (33, 2), (47, 61)])
def test_any_size_and_hidden_objects(choice: EffectChoice, size_hw: tuple[int, int]) -> None:
    colors = np.full((*size_hw, 3), 90, np.uint8)
    everything = EncodedMask.encode(np.ones(size_hw, bool))
    for masks in (
        [],
        [ColoredMask(RED, EncodedMask.empty(size_hw))],
        [ColoredMask(RED, everything)],
    ):
        drawn = draw_effects(colors, masks, choice, 3)
        assert (drawn.shape, drawn.dtype) == (colors.shape, np.uint8)
    assert (colors == 90).all()


def test_erased_objects_take_the_colours_around_them() -> None:
    wall = np.full((*SIZE_HW, 3), (200, 150, 100), np.uint8)
    wall[30:60, 40:80] = 0
    drawn = draw_effects(wall, [INSIDE], EffectChoice("erase"))
    np.testing.assert_allclose(drawn, np.broadcast_to((200, 150, 100), drawn.shape), atol=1)


def test_a_blurred_background_does_not_take_the_objects_colours() -> None:
    wall = np.full((*SIZE_HW, 3), 50, np.uint8)
    wall[30:60, 40:80] = 250
    drawn = draw_effects(wall, [INSIDE], EffectChoice("original", "blur", 3))
    assert drawn[20, 60].max() < 58


def test_blocks_have_one_colour_each_and_stay_where_they_are() -> None:
    pixels = picture()
    blocks = layers.pixelated(pixels, 7)
    for top, left in ((0, 0), (7, 14), (84, 119)):
        part = blocks[top : top + 7, left : left + 7].reshape(-1, 3)
        assert (part == part[0]).all()
        mean = pixels[top : top + 7, left : left + 7].reshape(-1, 3).mean(axis=0)
        np.testing.assert_allclose(part[0], mean, atol=0.51)
    whole = draw_effects(pixels, [INSIDE], EffectChoice("original", "pixelate", 3))
    part = draw_effects(pixels, [INSIDE], EffectChoice("pixelate", strength=3))
    inside, beside = (slice(32, 58), slice(42, 78)), (slice(0, 28), slice(0, 120))
    all_blocks = layers.pixelated(pixels, 5)
    np.testing.assert_array_equal(part[inside], all_blocks[inside])
    np.testing.assert_array_equal(whole[beside], all_blocks[beside])


def test_stronger_is_more() -> None:
    changes = []
    for strength in (1, 2, 3):
        drawn = draw_effects(picture(), [INSIDE], EffectChoice("noise", strength=strength))
        changes.append(np.abs(drawn.astype(int) - picture()).mean())
    assert changes == sorted(changes)
    assert all(len(values) == 3 for values in STRENGTHS.values())


@pytest.mark.parametrize("name", ["overlay", "gradient", "pixelate", "noise", "cutout", "emoji"])
def test_cut_outs_are_opaque_exactly_on_the_masks(name: str) -> None:
    cut = cut_out(picture(), [INSIDE], EffectChoice(name, "blur"))
    np.testing.assert_array_equal(cut[..., 3] == 255, INSIDE.mask.decode())
    assert set(np.unique(cut[..., 3])) == {0, 255}
    same = np.array_equal(cut[32:58, 42:78, :3], picture()[32:58, 42:78])
    assert same == (name not in ("gradient", "pixelate", "noise"))


def test_text_is_written_in_its_colour() -> None:
    choice = EffectChoice("original", "text", 3, "#be123c", text="Hello")
    drawn = draw_effects(np.zeros((180, 240, 3), np.uint8), [], choice)
    assert (drawn == (95, 9, 30)).all(axis=2).mean() > 0.2
    assert (drawn == (213, 101, 128)).all(axis=2).mean() > 0.1


def test_every_letter_of_a_text_has_a_shape_of_its_own() -> None:
    letters = [chr(code) for code in range(0xC0, 0x100)]  # À to ÿ
    plates = {text_plate((60, 60), letter, RED, 3).tobytes() for letter in letters}
    assert len(plates) == len(letters)


def test_every_choice_of_the_page_is_known_here() -> None:
    offered: Any = effects_json()
    assert list(offered["objects"]) == list(OBJECT_EFFECTS)
    for preset in offered["presets"].values():
        EffectChoice(**preset)
    for shapes in offered["emoji"].values():
        for color, points in shapes:
            assert all(0 <= part <= 255 for part in color)
            assert all(abs(x) <= 1.01 and abs(y) <= 1.01 for x, y in points)
    assert set(offered["emoji"]) == {path.stem for path in FOLDER.glob("*.svg")}


@pytest.mark.parametrize(
    "fields",
    [
        {"objects": "blur"},
        {"background": "noise"},
        {"strength": 0},
        {"color": "#12345"},
        {"color": "#12345G"},
        {"color": "#4338CA"},
        {"emoji": ""},
        {"text": ""},
        {"text": "漢字"},
        {"text": "a" * 41},
    ],
)
def test_other_values_are_refused(fields: dict[str, object]) -> None:
    with pytest.raises(InputError) as caught:
        EffectChoice(**fields)
    assert caught.value.code == "BAD_EFFECT"


def test_a_feathered_object_fades_into_a_green_screen_and_into_a_cut_out() -> None:
    white, fading = np.full((*SIZE_HW, 3), 255, np.uint8), INSIDE._replace(feather_px=2)
    shares = np.array([0, 1 / 9, 3 / 9, 6 / 9, 8 / 9, 1])  # across the left edge, at 40
    screen = draw_effects(white, [fading], EffectChoice("original", "erase", color="#000000"))
    np.testing.assert_allclose(screen[45, 37:43, 0], 255 * shares, atol=1)
    alpha = cut_out(white, [fading], EffectChoice())[..., 3]
    np.testing.assert_allclose(alpha[45, 37:43], 255 * shares, atol=1)
    erased = cut_out(white, [fading], EffectChoice("erase"))[..., 3]
    np.testing.assert_array_equal(erased, 255 - alpha)


def test_a_feathered_overlay_fades_around_its_outline() -> None:
    grey = np.full((*SIZE_HW, 3), 100, np.uint8)
    drawn = draw_effects(grey, [INSIDE._replace(feather_px=4)], EffectChoice())
    fill = drawn[45, 34:50, 0].astype(int)
    assert fill[0] == 100
    assert 100 < fill[4] < fill[5] < 158
    assert drawn[45, 40].tolist() == list(RED)
    assert drawn[45, 60].tolist() == [159, 73, 73]
