"""Masks from a file in a real browser: a download of the page comes back as what it was."""

from pathlib import Path

from browser import ON_DESKTOP, Visit
from media_clips import write_clip

FRAMES = 6


def masks_of(visit: Visit) -> dict[int, str]:
    """Returns the run lengths of the one object by frame, as the server knows them."""
    return {frame: found[0][1] for frame, found in visit.fetch("/masks").json()["frames"]}


@ON_DESKTOP
def test_masks_are_loaded_again_and_propagated_from_the_frames_that_count(
    visit: Visit, tmp_path: Path
) -> None:
    visit.open_file(write_clip(tmp_path / "clip.mp4", frames=FRAMES))
    visit.point(0.5, 0.5)
    visit.wait_for_note(0, "1 prompt here")
    visit.page.get_by_label("Name of object 1").fill("cup")
    visit.page.keyboard.press("Enter")
    visit.propagate(FRAMES)
    masks = masks_of(visit)
    path = visit.download("objects", tmp_path)

    visit.page.get_by_label("Name of object 1").fill("something else")
    visit.page.keyboard.press("Enter")
    visit.find("masks-file").set_input_files(path)
    visit.find("masks-prompted").select_option("5")
    visit.page.get_by_role("button", name="Load", exact=True).click()
    visit.wait_for_status(f"Loaded 1 object from {path.name}. Undo restores what was here.")
    assert visit.page.get_by_label("Name of object 1").input_value() == "cup"
    assert masks_of(visit) == masks
    visit.wait_for_note(0, "1 prompt here")
    visit.propagate(FRAMES)

    visit.find("masks-file").set_input_files(write_clip(tmp_path / "other.mp4"))
    visit.page.get_by_role("button", name="Load", exact=True).click()
    visit.find("status-text").get_by_text("neither a zip nor JSON nor XML").wait_for()
    visit.complaints.clear()  # the browser logs the refusal
