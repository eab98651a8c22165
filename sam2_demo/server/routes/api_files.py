"""The calls of the API about files: what is downloaded, and work that is brought along."""

from sam2_demo.server.app_state import AppState
from sam2_demo.server.routes.api_values import GivenFile, Json, frames_of, received, using
from sam2_demo.server.routes.body import Fields
from sam2_demo.server.routes.pages import PREFIX
from sam2_demo.server.routes.requests import LoadMasksRequest
from sam2_demo.server.routes.streams import reports_of
from sam2_demo.server.sessions.exporting import exporting
from sam2_demo.server.sessions.saved_sessions import load_masks, open_session
from sam2_demo.session.session_file import session_as_text


class FileCalls:
    """These calls; each public method is one call of that name."""

    def __init__(self, state: AppState) -> None:
        self._state = state

    def export(
        self, token: str, kind: str = "palette", fps: float | None = None, joined: bool = False
    ) -> Json:
        """Export a file to download.

        Args:
            token: The video's token.
            kind: The kind of file, such as "overlay", "palette" or "coco".
            fps: Steady frames per second of a video file; by default its frames keep their times.
            joined: Whether to join all parts of a long video that were opened into one file.

        Returns:
            "url", relative to the app's address, and "bytes".
        """
        with using(self._state, token) as video:
            fields: Fields = {"kind": kind, "fps": fps, "joined": joined}
            *_, last = reports_of(exporting(self._state, video, fields))
            return {
                "url": f"{PREFIX[1:]}/videos/{token}/{last['download']}",
                "bytes": last["bytes"],
            }

    def save_session(self, token: str) -> Json:
        """Save everything done to a video (prompts, masks, scores) as one file.

        Args:
            token: The video's token.

        Returns:
            "url" of the session file, relative to the app's address, and "bytes".
        """
        with using(self._state, token) as video:
            text = session_as_text(video.save_session())
            return {"url": f"{PREFIX[1:]}/videos/{token}/session", "bytes": len(text)}

    def open_session(self, token: str, session: GivenFile) -> Json:
        """Open a session file on its video; it replaces the current objects.

        Undo restores what was there. The masks are kept as they were saved, whichever model is in
        use. Any part of the same file fits that contains all frames of the session; a copy must
        have the same number of frames of the same size.

        Args:
            token: The token of the video, which must be open.
            session: The file, as saved by save_session or the page.

        Returns:
            "frames": those whose masks changed, as in masks; "made_by": the model in use when the
            session was saved; "same_model": whether it is the one in use now; "same_video":
            whether the video is the same file, not a copy; "first" and "last": the range of frames
            that the session covers here; "active_s": seconds of active work until it was saved.
        """
        with using(self._state, token) as video:
            path = received(session)
            try:
                reply, facts = open_session(self._state, video, path)
            finally:
                path.unlink(missing_ok=True)
            return {"frames": frames_of(reply.frames)} | facts.json_fields()

    def load_masks(self, token: str, file: GivenFile, prompted_every: int = 0) -> Json:
        """Load masks that another tool made; they replace the current objects.

        Undo restores what was there.

        Args:
            token: The video's token.
            file: A zip of PNG images as for DAVIS or YouTube-VOS, JSON as of COCO, YouTube-VIS or
                SA-V, or the XML of CVAT.
            prompted_every: Of the frames on which an object has a mask, every so many count as
                prompted, from the first; 0 for the first alone. Propagation starts from them.

        Returns:
            "frames": those whose masks changed, as in masks; "objects" and "masks": how many were
            loaded; "boxes": objects on a frame that were left out, as they have a box alone;
            "elsewhere": masks that were left out because their frames are not open; "first": the
            first frame with a mask.
        """
        with using(self._state, token) as video:
            every = LoadMasksRequest.read({"prompted_every": prompted_every}).prompted_every
            path = received(file)
            try:
                reply, facts = load_masks(self._state, video, path, every)
            finally:
                path.unlink(missing_ok=True)
            return {"frames": frames_of(reply.frames)} | facts.json_fields()
