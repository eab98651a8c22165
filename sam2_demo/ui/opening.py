"""Opening a video and choosing its model: the long work before the first click."""

from pathlib import Path

from sam2_demo.inference.open_video import OpenVideo
from sam2_demo.media.ingest import ingest
from sam2_demo.ui.app_state import AppState
from sam2_demo.ui.streams import Report, Stopped, Work, progress_report, waiting_report
from sam2_demo.ui.wire import Fields, frame_json, prompts_json, text_in, video_json


def opening(state: AppState, fields: Fields) -> Work:
    """Returns the work that opens an uploaded file or a sample clip and reports the video."""
    model_name = text_in(fields, "model") or state.shelf.default
    sample_name = text_in(fields, "sample")
    if sample_name:
        sample = state.samples.find(sample_name)
        source, title = sample.path, sample.title
    else:
        source, title = state.uploads.find(text_in(fields, "upload")), text_in(fields, "name")

    def work(report: Report, stopped: Stopped) -> None:
        def fill(token: str, folder: Path) -> OpenVideo:
            model = state.shelf.find(model_name, progress_report(report, "model"))
            video = ingest(
                source,
                folder / "video",
                limits=state.settings.video_limits,
                progress=progress_report(report, "reading"),
                cancelled=stopped,
                name=title,
            )
            session = state.shelf.session(model, video)
            return OpenVideo(token, folder, video, session, model.name)

        try:
            with state.opening.place(waiting_report(report), stopped) as entered:
                if entered:
                    report({"video": video_json(state.store.open(fill))})
        finally:
            if not sample_name:
                source.unlink(missing_ok=True)

    return work


def switching(state: AppState, video: OpenVideo, fields: Fields) -> Work:
    """Returns the work that lets another model answer; the old one stays if that fails."""
    name = text_in(fields, "model")

    def work(report: Report, stopped: Stopped) -> None:
        model = state.shelf.find(name, progress_report(report, "model"))
        report({"stage": "replaying"})
        frames = video.use_model(model.name, state.shelf.session(model, video.video))
        report(
            {
                "model": model.name,
                "sequence": video.next_answer(),
                "frames": [frame_json(frame) for frame in frames],
                "prompts": prompts_json(video),
            }
        )

    return work
