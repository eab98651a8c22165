"""What the protocols on single pictures share: which pictures are scored together."""

from collections.abc import Collection, Sequence

from sam2_demo.datasets.registry import DataSet
from sam2_demo.evaluation.clips import ImageSet, open_images


class OnImages:
    """A protocol on single images, or on frames of clips as if they were.

    Args:
        every: Takes every so many of a clip's frames, from the first.
    """

    def __init__(self, every: int = 1) -> None:
        self._every = every

    def clips(self, data: DataSet, names: Collection[str]) -> Sequence[ImageSet]:
        """Returns the pictures of these names, all of them if there are none."""
        return open_images(data, names, self._every)

    def work(self, clip: ImageSet) -> int:
        """Returns how many pictures there are to do."""
        return len(clip)
