"""The page's functions as an API: for ``gradio_client``, plain HTTP, and as MCP tools.

Every call except opening takes the secret token that opening a video returned. The calls do what
the page's routes do; only arguments and results are shaped for programmers. Clients show the
docstrings, so those are written for users of the API.
"""

from collections.abc import Callable, Iterator, Mapping
from typing import Any, Literal

from gradio.events import api as declare_call

from sam2_demo.server.app_state import AppState
from sam2_demo.server.routes.actions import ACTIONS
from sam2_demo.server.routes.api_files import FileCalls
from sam2_demo.server.routes.api_values import (
    GivenFile,
    Json,
    asked_for,
    current_visitor,
    explained,
    facts_of,
    frames_of,
    part_of,
    received,
    using,
)
from sam2_demo.server.routes.body import Fields
from sam2_demo.server.routes.requests import FrameRequest
from sam2_demo.server.routes.streams import reports_of
from sam2_demo.server.sessions.finding import finding
from sam2_demo.server.sessions.opening import find_or_reopen, opening
from sam2_demo.server.sessions.parts import going_on
from sam2_demo.server.sessions.propagating import tracking
from sam2_demo.tracking.everything.proposals import FindOptions


class AnnotationApi:
    """The API; each public method is one call of that name."""

    def __init__(self, state: AppState) -> None:
        self._state = state

    def declare(self) -> None:
        """Registers the methods, and those about files, as endpoints of the page being built."""
        files = FileCalls(self._state)
        calls: tuple[Callable[..., Any], ...] = (
            self.open_video,
            self.open_sample,
            self.next_part,
            self.prompt,
            self.clear_prompt,
            self.undo,
            self.find_everything,
            self.propagate,
            self.masks,
            files.export,
            files.save_session,
            files.open_session,
            files.load_masks,
            self.close_video,
        )
        for call in calls:
            declare_call(call, api_name=call.__name__, concurrency_id="api", concurrency_limit=8)

    def open_video(
        self,
        video: GivenFile,
        name: str = "",
        model: str = "",
        start_s: float | None = None,
        end_s: float | None = None,
    ) -> Json:
        """Open a video, an animated image, a single image or a zip of images, or a part of it.

        Args:
            video: The file.
            name: What to call it; defaults to the file's name.
            model: The model to use; defaults to the server's choice.
            start_s: Where the part to open starts, in seconds after the first frame.
            end_s: Where it ends. A part that is longer than the server allows is cut there, which
                "warnings" says; without a part, a long video is refused.

        Returns:
            "token" (the secret that every other call needs), "name", "frames", "width", "height",
            "fps", "frame_times_s" (from the first frame of the part), "warnings" and "model".
        """
        with explained():
            path = received(video)
            upload = self._state.uploads.adopt(path, current_visitor())
            title = name or str(video.get("orig_name") or path.name)[:200]
            fields: Json = {"upload": upload, "name": title, "model": model}
            return self._opened(fields | part_of(start_s, end_s))

    def open_sample(self, sample: str, model: str = "") -> Json:
        """Open one of the sample clips that come with the app.

        Args:
            sample: The clip's name, such as "meadow.mp4".
            model: The model to use; defaults to the server's choice.

        Returns:
            The same as open_video.
        """
        with explained():
            return self._opened({"sample": sample, "model": model})

    def next_part(self, token: str) -> Json:
        """Open the part of a long video that follows the one that is open.

        Objects that it lacks are handed on to it: the mask on the last frame here is their prompt
        on the first frame there. Call it again to find the same part again.

        Args:
            token: The token of a part whose "warnings" say that the next part has more frames.

        Returns:
            The same as open_video.
        """
        with using(self._state, token) as video:
            *_, last = reports_of(going_on(self._state, video, {}))
            return facts_of(last["video"])

    def prompt(
        self,
        token: str,
        frame: int,
        object: int,
        points: list[list[float]] | None = None,
        box: list[float] | None = None,
        mask: str | None = None,
    ) -> Json:
        """Prompt an object on a frame; replaces any earlier prompt for it on that frame.

        Args:
            token: The video's token.
            frame: The frame's index, from 0.
            object: The object's number, from 1; a new number creates a new object.
            points: Clicks [x, y, sign] in pixels; sign 1 is positive, 0 negative.
            box: [left, top, right, bottom] in pixels.
            mask: The object's mask as compressed COCO run lengths, instead of points and a box.

        Returns:
            "frames": the frame with the current mask of every object, as in masks.
        """
        with explained():
            fields = {"frame": frame, "object": object, "points": points, "box": box, "mask": mask}
            return self._act("prompt", token, fields)

    def clear_prompt(self, token: str, frame: int, object: int) -> Json:
        """Remove an object's prompt on a frame.

        Args:
            token: The video's token.
            frame: The frame's index, from 0.
            object: The object's number.

        Returns:
            "frames": those whose masks changed, as in masks.
        """
        with explained():
            return self._act("clear_prompt", token, {"frame": frame, "object": object})

    def undo(self, token: str) -> Json:
        """Undo the last step, whatever it was.

        Args:
            token: The video's token.

        Returns:
            "frames": those whose masks changed, as in masks.
        """
        with explained():
            return self._act("undo", token, {})

    def find_everything(
        self,
        token: str,
        frame: int = 0,
        grid: list[int] | None = None,
        least_iou: float = FindOptions().least_iou,
        least_stability: float = FindOptions().least_stability,
    ) -> Iterator[Json]:
        """Find everything on a frame that no object covers, and add it as objects; one undo.

        Args:
            token: The video's token.
            frame: The frame's index, from 0.
            grid: Clicks per side of the whole frame, of each of 2 x 2 crops, of 4 x 4; by default
                [32, 16, 4]; [16, 8] is faster.
            least_iou: Least predicted IoU, 0 to 1.
            least_stability: Least stability of the mask, 0 to 1.

        Returns:
            "done" and "total" clicks as it proceeds, and at the end "objects", the numbers of the
            new objects, "found", which may be more than a session has room for, and "frames": the
            frame with all masks, as in masks.
        """
        with using(self._state, token) as video:
            fields: Fields = {"frame": frame, "least_iou": least_iou}
            fields = {**fields, "least_stability": least_stability} | (
                {"grid": grid} if grid else {}
            )
            last: Mapping[str, Any] = {}
            for last in reports_of(finding(self._state, video, fields)):
                if last.get("stage") == "searching":
                    yield {key: last[key] for key in ("done", "total")}
            masks = [counts for counts, _, _ in last["found"][: last["room"]]]
            before = set(video.session.object_ids)
            frames: list[Json] = []
            if masks:
                frames = self._act("add_found", token, {"frame": frame, "masks": masks})["frames"]
            added = [key for key in video.session.object_ids if key not in before]
            yield {"objects": added, "found": len(last["found"]), "frames": frames}

    def propagate(
        self,
        token: str,
        start: int = 0,
        direction: Literal["forward", "backward", "both"] = "forward",
    ) -> Iterator[Json]:
        """Track every object through the video; then fetch the masks with masks or export.

        Args:
            token: The video's token.
            start: The frame to start from, from 0.
            direction: Which way to track.

        Returns:
            "done" and "total" frames as it proceeds, and at the end "complete".
        """
        with using(self._state, token) as video:
            fields: Fields = {"frame": start, "direction": direction}
            for report in reports_of(tracking(self._state, video, fields)):
                yield {key: report[key] for key in ("done", "total", "complete") if key in report}

    def masks(self, token: str, frame: int = -1) -> Json:
        """Fetch the masks of one frame, or of all.

        Args:
            token: The video's token.
            frame: The frame's index, from 0; -1 for every frame with a mask.

        Returns:
            "size_hw" and "frames", each with "frame" and "objects"; each object with "object",
            "counts" (compressed COCO run lengths), "iou" (predicted, 0 to 1) and "object_score" (a
            logit: above 0 means that the object is visible).
        """
        with using(self._state, token) as video:
            if frame == -1 and not isinstance(frame, bool | float):
                found = [each for each in video.masks().frames if each.objects]
            else:
                index = FrameRequest.read({"frame": frame}).frame_of(len(video.video))
                found = [video.session.masks(index)]
            return {"size_hw": list(video.video.size_hw), "frames": frames_of(found)}

    def close_video(self, token: str) -> Json:
        """Close a video and delete it from the server.

        Args:
            token: The video's token.

        Returns:
            "closed": the token.
        """
        with explained():
            find_or_reopen(self._state, token)
            self._state.store.close(token)
            return {"closed": token}

    def _act(self, action: str, token: str, fields: Fields) -> Json:
        with asked_for(self._state, token) as video:
            return {"frames": frames_of(ACTIONS[action](video, fields).frames)}

    def _opened(self, fields: Fields) -> Json:
        *_, last = reports_of(opening(self._state, fields, current_visitor()))
        return facts_of(last["video"])
