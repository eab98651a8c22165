"""Finding everything on a frame: what is found is kept or dropped, then objects like any other."""

import re

from browser import ON_DESKTOP, Visit

FOUND = re.compile(r"(\d+) found, (\d+) kept")


def counts(visit: Visit) -> tuple[int, int]:
    """Returns how many were found, and how many of them are kept."""
    found = FOUND.match(visit.find("found-text").inner_text())
    assert found is not None
    return int(found[1]), int(found[2])


@ON_DESKTOP
def test_what_is_found_is_sifted_and_kept(visit: Visit) -> None:
    visit.open_sample("meadow.mp4")
    # A coarser grid than the page offers, so that a busy machine answers soon.
    visit.page.evaluate("document.querySelector('[data-id=\"find-grid\"] option').value = '6'")
    visit.find("find").click()
    visit.find("found").wait_for(timeout=180_000)
    visit.find("found-confidence").fill("0.5")
    visit.find("found-size").fill("0")
    visit.page.wait_for_function(
        """() => /^(\\d+) found, \\1 kept/.test(
          document.querySelector('[data-id="found-text"]').textContent)"""
    )
    found, kept = counts(visit)
    assert found == kept >= 1
    item = visit.page.locator(".s2-found-item").first
    item.locator("canvas").wait_for()  # the thumbnail is drawn
    item.click()
    visit.page.locator('.s2-found-item[aria-pressed="false"]').wait_for()
    assert counts(visit) == (found, found - 1)
    item.click()
    visit.page.wait_for_selector('.s2-found-item[aria-pressed="false"]', state="detached")
    visit.find("found-keep").click()
    visit.find("found").wait_for(state="hidden")
    visit.page.locator('[data-id="undo"][aria-label="Undo: add what was found"]').wait_for()
    assert visit.page.locator(".s2-objects li").count() == found
    assert visit.find("find").inner_text() == "Find what is new here"
    visit.find("undo").click()
    visit.page.locator('[data-id="undo"][aria-label="There is nothing to undo"]').wait_for()
    assert visit.find("find").inner_text() == "Find everything"
