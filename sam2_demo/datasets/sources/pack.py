"""One file of cut-outs, backgrounds and scenes, from which synthetic clips are composed.

Pictures lie in the file as WebP, are decoded when first asked for and then kept. A
scene is a photograph with masks of things in it, wholes and parts, as COCO run
lengths. This module knows nothing of clips.
"""

import zipfile
from collections.abc import Iterable, Sequence
from pathlib import Path

import cv2
import numpy as np
from jaxtyping import UInt8

from sam2_demo.core.errors import PromptError, SettingError
from sam2_demo.core.masks import EncodedMask
from sam2_demo.core.whole_files import whole_file
from sam2_demo.datasets.sources.pictures import Picture, PictureKind, is_validation

FORMAT = 2
WEBP_QUALITY = 84


class SourcePack:
    """Pictures, each decoded when first asked for and then kept in memory.

    Args:
        names: The pictures' names.
        kinds: What each can be used for.
        encoded: Each as a WebP file.
        masks: The size and the COCO run lengths of the masks in each, one a line; empty where it
            is no scene.
    """

    def __init__(
        self,
        names: Sequence[str],
        kinds: Sequence[int],
        encoded: Sequence[UInt8[np.ndarray, "_"]],
        masks: Sequence[str],
    ) -> None:
        self.names = tuple(names)
        self._kinds = tuple(PictureKind(kind) for kind in kinds)
        self._encoded = tuple(encoded)
        self._lines = tuple(masks)
        self._decoded: dict[int, np.ndarray] = {}
        self._masks: dict[int, tuple[EncodedMask, ...]] = {}

    def __len__(self) -> int:
        return len(self.names)

    @classmethod
    def encode(cls, pictures: Iterable[Picture]) -> "SourcePack":
        """Returns a pack of these pictures, compressed with loss (alpha without)."""
        names, kinds, encoded, masks = [], [], [], []
        for picture in pictures:
            names.append(picture.name)
            kinds.append(int(picture.kind))
            encoded.append(_to_webp(picture.pixels))
            masks.append(_to_lines(picture.masks))
        return cls(names, kinds, encoded, masks)

    @classmethod
    def load(cls, path: Path) -> "SourcePack":
        """Returns the pack kept in a file.

        Raises:
            SettingError: There is no such file, or it is no pack of this format.
        """
        try:
            with path.open("rb") as file, np.load(file, allow_pickle=False) as arrays:
                if int(arrays["format"]) != FORMAT:
                    raise ValueError("another format")
                encoded = np.split(arrays["blob"], arrays["ends"][:-1])
                lines = bytes(arrays["masks"]).decode("ascii").split("\0")
                names, kinds = arrays["names"].tolist(), arrays["kinds"].tolist()
            if not len(names) == len(kinds) == len(encoded) == len(lines):
                raise ValueError("lists of different lengths")
            return cls(names, kinds, encoded, lines)
        except FileNotFoundError as error:
            raise SettingError(
                f"there is no pack of pictures at {path}: build one with "
                "`python -m sam2_demo pack --out FILE`",
                "PACK_MISSING",
            ) from error
        except (OSError, ValueError, TypeError, KeyError, EOFError, zipfile.BadZipFile) as error:
            raise SettingError(
                f"{path} is no pack of pictures of format {FORMAT}, or was cut short: build it "
                "again with `python -m sam2_demo pack --out FILE`",
                "PACK_BROKEN",
            ) from error

    def save(self, path: Path) -> None:
        """Writes the pack into one file, whole or not at all; loading it needs no pickle.

        Raises:
            ExportError: the file cannot be written.
        """
        path.parent.mkdir(parents=True, exist_ok=True)
        with whole_file(path) as partial, partial.open("wb") as file:
            np.savez(
                file,
                format=np.array(FORMAT),
                names=np.array(self.names),
                kinds=np.array(self._kinds, dtype=np.uint8),
                ends=np.cumsum([len(one) for one in self._encoded], dtype=np.int64),
                blob=np.concatenate(self._encoded),
                masks=np.frombuffer("\0".join(self._lines).encode("ascii"), np.uint8),
            )

    def indices(self, kind: PictureKind, validation: bool) -> tuple[int, ...]:
        """Returns the pictures of a kind that lie on the training or the validation side."""
        return tuple(
            index
            for index, (name, this) in enumerate(zip(self.names, self._kinds, strict=True))
            if this is kind and is_validation(name) == validation
        )

    def masks(self, index: int) -> tuple[EncodedMask, ...]:
        """Returns the masks of the things in a scene; none for any other picture.

        Raises:
            SettingError: they are damaged.
        """
        if index not in self._masks:
            size, *counts = self._lines[index].split("\n")
            try:
                height, width = (int(side) for side in size.split()) if size else (0, 0)
                masks = tuple(EncodedMask.received((height, width), one) for one in counts)
            except (ValueError, PromptError) as error:
                raise SettingError(
                    f"the masks of {self.names[index]} in the pack are damaged: build the pack "
                    "again",
                    "PACK_BROKEN",
                ) from error
            self._masks[index] = masks
        return self._masks[index]

    def picture(self, index: int) -> UInt8[np.ndarray, "height width channels"]:
        """Returns a cut-out as RGBA with colours multiplied by alpha, or a photograph as RGB.

        The array is shared: it must not be written to.
        """
        pixels = self._decoded.get(index)
        if pixels is None:
            pixels = _from_webp(self._encoded[index])
            pixels.flags.writeable = False
            self._decoded[index] = pixels
        return pixels


def _to_lines(masks: Sequence[EncodedMask]) -> str:
    sizes = ["{} {}".format(*mask.size_hw) for mask in masks[:1]]
    return "\n".join([*sizes, *(mask.counts for mask in masks)])


def _to_webp(pixels: UInt8[np.ndarray, "height width channels"]) -> UInt8[np.ndarray, "_"]:
    order = cv2.COLOR_RGBA2BGRA if pixels.shape[2] == 4 else cv2.COLOR_RGB2BGR
    settings = [cv2.IMWRITE_WEBP_QUALITY, WEBP_QUALITY]
    return cv2.imencode(".webp", cv2.cvtColor(pixels, order), settings)[1].reshape(-1)


def _from_webp(encoded: UInt8[np.ndarray, "_"]) -> UInt8[np.ndarray, "height width channels"]:
    pixels = cv2.imdecode(encoded, cv2.IMREAD_UNCHANGED)
    if pixels is None:
        raise SettingError("a picture in the pack is damaged: build the pack again", "PACK_BROKEN")
    if pixels.shape[2] == 3:
        return cv2.cvtColor(pixels, cv2.COLOR_BGR2RGB)
    pixels = cv2.cvtColor(pixels, cv2.COLOR_BGRA2RGBA)
    colours = pixels[..., :3].astype(np.uint16) * pixels[..., 3:]
    pixels[..., :3] = (colours + 127) // 255
    return pixels
