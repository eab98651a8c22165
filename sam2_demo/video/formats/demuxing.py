"""Opens an upload with the one demuxer for its format and an allow-list of decoders."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import av
import av.container
import av.video.stream
from av.stream import Disposition

from sam2_demo.core.errors import VideoError
from sam2_demo.video.formats.containers import FileFormat
from sam2_demo.video.formats.decode import DECODER_FAULTS
from sam2_demo.video.ingest.limits import Limits

_VIDEO_DECODERS = """
    h264 hevc vp8 vp9 av1 libdav1d libaom-av1 vp6 vp6f vp6a mpeg1video mpeg2video mpegvideo mpeg4
    msmpeg4v1 msmpeg4v2 msmpeg4 wmv1 wmv2 wmv3 vc1 h261 h263 h263i flv theora libtheora mjpeg
    mjpegb prores dnxhd cfhd ffv1 huffyuv ffvhuff utvideo magicyuv lagarith rawvideo v210 v410
    r210 qtrle rpza smc 8bps cinepak svq1 svq3 msvideo1 msrle indeo3 indeo4 indeo5 dvvideo
    jpeg2000 libopenjpeg png apng gif webp bmp tiff targa zlib wrapped_avframe
"""
_AUDIO_DECODERS = """
    aac aac_latm mp3 mp3float mp2 mp2float mp1 mp1float ac3 eac3 dca truehd flac alac opus libopus
    vorbis libvorbis speex libspeex wmav1 wmav2 wmapro amrnb amrwb libopencore_amrnb
    libopencore_amrwb adpcm_ms adpcm_ima_wav adpcm_ima_qt adpcm_swf nellymoser qdm2 mace3 mace6
    gsm_ms pcm_alaw pcm_mulaw pcm_s8 pcm_u8 pcm_s16le pcm_s16be pcm_s24le pcm_s24be pcm_s32le
    pcm_s32be pcm_f32le pcm_f32be pcm_f64le pcm_f64be pcm_bluray pcm_dvd
"""
VIDEO_DECODERS = frozenset(_VIDEO_DECODERS.split())
AUDIO_DECODERS = frozenset(_AUDIO_DECODERS.split())
DECODER_THREADS = 4
_HIDDEN = Disposition.attached_pic | Disposition.timed_thumbnails


@contextmanager
def opened(
    upload: Path, file_format: FileFormat, limits: Limits, is_cut: bool = False
) -> Iterator[av.container.InputContainer]:
    """Returns a context in which the upload is open for reading.

    Raises:
        VideoError: the file is too damaged or incomplete to be opened.
    """
    options = {
        "protocol_whitelist": "file",
        "format_whitelist": av.ContainerFormat(file_format.demuxer, "r").name,
        "codec_whitelist": ",".join(sorted(VIDEO_DECODERS | AUDIO_DECODERS)),
        # Frames slightly over the limit are decoded, so that the refusal can state their size.
        "max_pixels": str(4 * limits.accepted_pixels),
    }
    try:
        container = av.open(
            f"file:{upload}",
            format=file_format.demuxer,
            options=options,
            metadata_errors="replace",
        )
    except DECODER_FAULTS as error:
        if isinstance(error, MemoryError):
            raise
        if is_cut:
            raise VideoError(
                "This file is incomplete and cannot be opened: upload the whole file again.",
                "TRUNCATED",
            ) from error
        raise VideoError(
            f"This {file_format.title} file is too damaged to be opened: export or download it "
            "again, then upload the new copy.",
            "NOT_A_VIDEO",
        ) from error
    with container:
        yield container


def video_stream(
    container: av.container.InputContainer, limits: Limits
) -> av.video.stream.VideoStream:
    """Returns the video stream that a player would show, ignoring cover images.

    Raises:
        VideoError: there is none, or its codec is not supported.
    """
    shown = [stream for stream in container.streams.video if not stream.disposition & _HIDDEN]
    if not shown:
        raise VideoError(
            "This file contains sound or other data but no video: upload a video file.",
            "NO_VIDEO_STREAM",
        )
    best = container.streams.best("video")
    stream = next((candidate for candidate in shown if candidate is best), shown[0])
    context = stream.codec_context
    if context is None or context.name not in VIDEO_DECODERS:
        name = "an unknown format" if context is None else context.name
        raise VideoError(
            f"This video uses {name}, which is not supported: convert it to H.264 (MP4) and "
            "upload it again.",
            "UNSUPPORTED_CODEC",
        )
    context.options = {"max_pixels": str(4 * limits.accepted_pixels)}
    context.thread_type = "SLICE"
    context.thread_count = DECODER_THREADS
    return stream
