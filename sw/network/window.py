"""Where the windows of a layer lie, and how its rows lie in a memory."""

from __future__ import annotations

from dataclasses import dataclass, field

from sw.spec import Padding

__all__ = ["WindowGeometry", "groups_of"]


def groups_of(channels: int, lanes: int) -> int:
    """Beats of a pixel, ``lanes`` channels each; lanes beyond the last channel are arbitrary."""
    return -(-channels // lanes)


@dataclass(frozen=True, kw_only=True)
class WindowGeometry:
    """Windows over frames that come as beats of some channels of a pixel.

    Parameters
    ----------
    input_shape : (C, H, W)
    kernel, stride : (vertical, horizontal)
        The padded frame holds at least one window.
    padding : Padding
        Each side smaller than the kernel.
    lanes : int
        Channels a beat.
    spare_rows : int
        Rows that can come while a row of windows is computed, 0 or more.

    Raises
    ------
    ValueError
        If a window does not fit.
    """

    input_shape: tuple[int, int, int]
    kernel: tuple[int, int]
    stride: tuple[int, int] = (1, 1)
    padding: Padding = field(default_factory=Padding)
    lanes: int = 1
    spare_rows: int = 0

    def __post_init__(self) -> None:
        if not 1 <= self.lanes <= self.input_shape[0]:
            raise ValueError(f"lanes must be 1 to {self.input_shape[0]}, not {self.lanes}")
        if self.spare_rows < 0:
            raise ValueError(f"spare_rows must be 0 or more, not {self.spare_rows}")
        padding = self.padding
        if max(padding.top, padding.bottom) >= self.kernel[0] or (
            max(padding.left, padding.right) >= self.kernel[1]
        ):
            raise ValueError("padding must be smaller than the kernel")
        if min(self.output_size) < 1:
            raise ValueError(f"kernel {self.kernel} is larger than the padded frame")

    @property
    def output_size(self) -> tuple[int, int]:
        """Rows and columns of windows."""
        _, height, width = self.input_shape
        around = (self.padding.top + self.padding.bottom, self.padding.left + self.padding.right)
        rows, columns = (
            (size + more - kernel) // stride + 1
            for size, more, kernel, stride in zip(
                (height, width), around, self.kernel, self.stride, strict=True
            )
        )
        return rows, columns

    @property
    def groups(self) -> int:
        """Beats of a pixel."""
        return groups_of(self.input_shape[0], self.lanes)

    @property
    def row_words(self) -> int:
        """Beats of a row."""
        return self.input_shape[2] * self.groups

    @property
    def cells(self) -> int:
        """Beats of a window."""
        return self.kernel[0] * self.kernel[1] * self.groups

    @property
    def least_rows(self) -> int:
        """Rows that must be there at once: of a window, or from the last window to the end.

        A frame's verdict comes with its last pixel, so the last windows wait for that.
        """
        _, height, _ = self.input_shape
        last = (self.output_size[0] - 1) * self.stride[0] - self.padding.top
        return min(height, max(self.kernel[0], height - max(last, 0)))

    @property
    def rows(self) -> int:
        """Rows that are kept."""
        return self.least_rows + self.spare_rows

    @property
    def words(self) -> int:
        """Beats that are kept."""
        return self.rows * self.row_words

    def _first_row(self, row: int) -> int:
        """The frame's first row that a row of windows needs, or a later one keeps."""
        return max(row * self.stride[0] - self.padding.top, 0)

    def rows_needed(self, row: int) -> int:
        """Rows that must be there for a row of windows, from the first that is kept."""
        height, first = self.input_shape[1], self._first_row(row)
        if row == self.output_size[0] - 1:
            return height - first
        return min(row * self.stride[0] - self.padding.top + self.kernel[0], height) - first

    def rows_dropped(self, row: int) -> int:
        """Rows that are needed no more after a row of windows; at the end all of the frame's."""
        following = row + 1 < self.output_size[0]
        end = self._first_row(row + 1) if following else self.input_shape[1]
        return end - self._first_row(row)
