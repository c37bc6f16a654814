"""What waits to be sent on one connection: bounded, so that a slow reader costs nobody else."""

import asyncio
from collections import deque
from typing import Generic, TypeVar

Frame = TypeVar("Frame")


class FrameQueue(Generic[Frame]):
    """First in, first out; whoever fills it decides what a full one means.

    frames_max, size_max: at most so many frames, of so much size together.
    """

    def __init__(self, frames_max: int, size_max: int) -> None:
        self.frames_max = frames_max
        self.size_max = size_max
        self._frames: deque[tuple[Frame, int]] = deque()
        self._size = 0
        self._has_frames = asyncio.Event()

    def __len__(self) -> int:
        return len(self._frames)

    def put(self, frame: Frame, size: int) -> bool:
        """Add a frame of this size; False, and nothing added, if it does not fit."""
        if len(self._frames) >= self.frames_max or self._size + size > self.size_max:
            return False
        self._frames.append((frame, size))
        self._size += size
        self._has_frames.set()
        return True

    def clear(self) -> None:
        """Forget what waits."""
        self._frames.clear()
        self._size = 0

    async def next(self) -> Frame:
        """The oldest frame, when there is one."""
        while not self._frames:
            self._has_frames.clear()
            await self._has_frames.wait()
        return self._pop()

    def more(self, size_max: int) -> list[Frame]:
        """Further frames that wait already, oldest first, of at most so much size together."""
        found: list[Frame] = []
        while self._frames and self._frames[0][1] <= size_max:
            size_max -= self._frames[0][1]
            found.append(self._pop())
        return found

    def _pop(self) -> Frame:
        frame, size = self._frames.popleft()
        self._size -= size
        return frame
