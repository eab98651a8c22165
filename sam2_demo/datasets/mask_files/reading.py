"""Opening a file of masks: its first bytes tell which kind it is."""

from pathlib import Path

from sam2_demo.datasets.mask_files.cvat_xml import read_cvat_xml
from sam2_demo.datasets.mask_files.found import FoundMasks, Place, refusal
from sam2_demo.datasets.mask_files.json_file import read_json_file
from sam2_demo.datasets.mask_files.png_zip import read_png_zip

MAX_BYTES = 512 << 20


def read_mask_file(path: Path, place: Place) -> FoundMasks:
    """Returns the masks that a file holds for a video.

    Args:
        path: A zip of PNG images, a JSON file (COCO, YouTube-VIS, SA-V) or CVAT's XML.
        place: The video.

    Raises:
        InputError: it cannot be read, or holds no mask for this video.
    """
    try:
        if path.stat().st_size > MAX_BYTES:
            raise refusal(f"it is larger than {MAX_BYTES >> 20} MB")
        with path.open("rb") as file:
            head = file.read(64).lstrip(b"\xef\xbb\xbf \t\r\n")
    except OSError as error:
        raise refusal(f"it cannot be read ({error.strerror})") from error
    found = FoundMasks(place)
    if head.startswith(b"PK"):
        read_png_zip(path, found)
    elif head.startswith(b"{"):
        read_json_file(path, found)
    elif head.startswith(b"<"):
        read_cvat_xml(path, found)
    else:
        raise refusal("it is neither a zip nor JSON nor XML")
    return found
