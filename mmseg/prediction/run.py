"""Many files through one network: read ahead, predict, write behind; a broken one does not end the others."""

import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass
from functools import partial
from itertools import groupby
from pathlib import Path

import numpy as np

from mmseg.datasets.bands import bits_in_header
from mmseg.errors import InputError
from mmseg.evaluation.export import displayable, shown_range
from mmseg.prediction.block import Block
from mmseg.prediction.inputs import pixels_of
from mmseg.prediction.kinds import KINDS, SHOWN, Style
from mmseg.prediction.predictor import Predictor, Whole
from mmseg.prediction.rasters import ArrayRaster, Raster, opened, place_in_the_world
from mmseg.prediction.remarks import Remarks
from mmseg.prediction.sinks import NpySink, PngSink, Sink, TiffSink, VideoSink
from mmseg.prediction.sources import Source
from mmseg.prediction.summary import Summary, Tally
from mmseg.prediction.video import Video
from mmseg.progress import progress_bar
from mmseg.writing import DiskFullError

WRITERS = 2
WAITING = 4

PathOf = Callable[[Source, str, str], Path]
"""(source, kind, suffix) -> the file to write."""


@dataclass(frozen=True, kw_only=True)
class Wanted:
    """What to make of every file.

    Args:
        kinds: names of :data:`mmseg.prediction.kinds.KINDS`.
        style: colours and opacity.
        path_of: where a file's prediction goes.
        batch: images that the network sees together, where they have one size.
        placed: write TIFFs with the coordinates of images that have some.
    """

    kinds: Sequence[str]
    style: Style
    path_of: PathOf
    batch: int = 1
    placed: bool = True


def in_folders(out: Path) -> PathOf:
    """``OUT/<kind>/<name><suffix>``, the tree of the sources kept."""
    return lambda source, kind, suffix: out / kind / source.name.with_name(source.name.name + suffix)


def predict_files(
    predictor: Predictor,
    sources: Sequence[Source],
    wanted: Wanted,
    summary: Summary,
    *,
    progress: bool = True,
    warn: Callable[[str], None],
) -> None:
    """Predict every source and write what is wanted of it; facts and failures go into ``summary``.

    Args:
        predictor: network, pipeline, windows.
        sources: from :func:`mmseg.prediction.sources.find_sources`.
        wanted: what to write.
        summary: is added to.
        progress: show a bar with images a second.
        warn: told what is lost of images on their way into the network (:class:`mmseg.prediction.remarks.Remarks`).

    Raises:
        InputError: a result cannot be written. A source that cannot be read is a failure in ``summary``.
    """
    with (
        progress_bar(total=len(sources), desc='predicting', unit='image', shown=progress, leave=False) as bar,
        Work(predictor, wanted, summary, bar.update, warn) as work,
    ):
        for kind, group in groupby(sources, key=work.way):
            kind(list(group))


class Work:
    """One run over the sources; use as context manager, which waits for what is still being written."""

    def __init__(
        self,
        predictor: Predictor,
        wanted: Wanted,
        summary: Summary,
        done: Callable[[int], object],
        warn: Callable[[str], None],
    ) -> None:
        self.predictor, self.wanted, self.summary = predictor, wanted, summary
        self.done = done
        self.remarks = Remarks(warn)
        self.classes = predictor.model.CLASSES
        self.writers = ThreadPoolExecutor(WRITERS)
        self.reader = ThreadPoolExecutor(1)
        self.writing: list[Future] = []

    def __enter__(self) -> 'Work':
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        self.reader.shutdown(cancel_futures=True)
        self.writers.shutdown(cancel_futures=kind is not None)
        if kind is None:
            for future in self.writing:
                future.result()
            self.remarks.end()

    def way(self, source: Source) -> Callable[[list[Source]], None]:
        """How a source is predicted."""
        if source.is_video:
            return self.videos
        return self.wholes if self.predictor.tiling is None else self.tiles

    def wholes(self, sources: list[Source]) -> None:
        """Images as the test pipeline sees them, a batch at a time, the next one read meanwhile."""
        size = self.wanted.batch
        chunks = [sources[first : first + size] for first in range(0, len(sources), size)]
        ahead: Future | None = None
        for chunk, following in zip(chunks, [*chunks[1:], []], strict=True):
            read = ahead.result() if ahead else self._read(chunk)
            ahead = self.reader.submit(self._read, following)
            self._predict(read)
            self.done(len(chunk))

    def _read(self, sources: list[Source]) -> dict[Source, np.ndarray]:
        images = {}
        for source in sources:
            try:
                images[source] = self.predictor.load.read(source.path)
                self._remark_on_bits(source)
            except InputError as error:
                self.summary.failed[str(source.path)] = str(error)
        return images

    def _predict(self, images: dict[Source, np.ndarray]) -> None:
        if not images:
            return
        start = time.perf_counter()
        try:
            found = list(self.predictor.whole(list(images.values()), [str(source.path) for source in images]))
        except InputError as error:
            if len(images) == 1:
                self.summary.failed[str(next(iter(images)).path)] = str(error)
                return
            for source, pixels in images.items():
                self._predict({source: pixels})
            return
        seconds = (time.perf_counter() - start) / len(images)
        for (source, pixels), (block, shrinkage) in zip(images.items(), found, strict=True):
            raster = ArrayRaster(pixels, place_in_the_world(source.path, pixels.shape[:2]))
            self.remarks.shrinkage(source.path, shrinkage)
            self.remarks.values(source.path, raster.sample(), self.predictor.normalize)
            tally = Tally()
            tally.add(block, len(self.classes))
            sinks = self._sinks(source, raster)
            self._later(partial(self._write, sinks, _on_host(block), pixels))
            self._record(source, block.label_map.shape[-2:], seconds, tally, sinks)

    def tiles(self, sources: list[Source]) -> None:
        """Images through windows, each block written as it is known."""
        for source in sources:
            start, tally = time.perf_counter(), Tally()
            try:
                self._remark_on_bits(source)
                with opened(source.path, self.predictor.load, windowed=True) as raster:
                    sinks = self._sinks(source, raster)
                    self._fill(sinks, raster, tally, str(source.path))
                    self._record(source, raster.size, time.perf_counter() - start, tally, sinks)
            except DiskFullError:  # the next image would find no room either
                raise
            except InputError as error:
                self.summary.failed[str(source.path)] = str(error)
            self.done(1)

    def _fill(self, sinks: dict[str, Sink], raster: Raster, tally: Tally, name: str) -> None:
        drawn = 'overlay' in sinks
        sample = raster.sample()
        self.remarks.values(name, sample, self.predictor.normalize)
        limits = shown_range(sample)
        with ExitStack() as unfinished:
            for sink in sinks.values():
                unfinished.callback(sink.discard)
            for block in self.predictor.blocks(raster, name):
                tally.add(block, len(self.classes))
                pixels = displayable(raster.read(block.rows, block.columns), limits) if drawn else np.empty(0)
                for kind, sink in sinks.items():
                    sink.add(block.rows, block.columns, KINDS[kind](block, pixels, self.wanted.style))
            for sink in sinks.values():
                sink.close()
            unfinished.pop_all()

    def videos(self, sources: list[Source]) -> None:
        """Videos: pictures become a video, everything else a folder with a file a frame."""
        for source in sources:
            try:
                self._video(source)
            except DiskFullError:  # the next image would find no room either
                raise
            except InputError as error:
                self.summary.failed[str(source.path)] = str(error)
            self.done(1)

    def _video(self, source: Source) -> None:
        start, tally = time.perf_counter(), Tally()
        with Video(source.path) as video, ExitStack() as unfinished:
            shown: dict[str, Sink] = {
                kind: VideoSink(self.wanted.path_of(source, kind, '.mp4'), video.rate)
                for kind in self.wanted.kinds
                if kind in SHOWN
            }
            for sink in shown.values():
                unfinished.callback(sink.discard)
            size = (0, 0)
            for number, (frame, (block, shrinkage)) in enumerate(self._frames(video)):
                if number == 0:
                    self.remarks.shrinkage(source.path, shrinkage)
                    self.remarks.values(source.path, frame, self.predictor.normalize)
                    size = frame.shape[:2]
                tally.add(block, len(self.classes))
                still = Source(source.path, source.name / f'{number:06}')
                for kind, sink in shown.items():
                    sink.add(block.rows, block.columns, KINDS[kind](block, frame, self.wanted.style))
                self._write(self._sinks(still, ArrayRaster(frame), without=SHOWN), block, frame)
            self.remarks.frames(source.path, number + 1, video.frames)
            for sink in shown.values():
                sink.close()
            unfinished.pop_all()
        self._record(source, size, time.perf_counter() - start, tally, shown, frames=number + 1)

    def _frames(self, video: Video) -> Iterator[tuple[np.ndarray, Whole]]:
        for frames in video.batches(self.wanted.batch):
            pixels = [pixels_of(frame, 'bgr', self.predictor.load) for frame in frames]
            yield from zip(frames, self.predictor.each(pixels, [str(video.path)] * len(frames)), strict=True)

    def _sinks(self, source: Source, raster: Raster, without: Sequence[str] = ()) -> dict[str, Sink]:
        """A file for every wanted kind of an image, TIFFs of one that lies somewhere in the world."""
        path_of, kinds = self.wanted.path_of, [kind for kind in self.wanted.kinds if kind not in without]
        if raster.place is not None and self.wanted.placed:
            return {kind: TiffSink(path_of(source, kind, '.tif'), raster.size, raster.place) for kind in kinds}
        return {
            kind: (
                NpySink(path_of(source, kind, '.npy'), raster.size)
                if kind == 'probs'
                else PngSink(path_of(source, kind, '.png'), raster.size)
            )
            for kind in kinds
        }

    def _write(self, sinks: dict[str, Sink], block: Block, pixels: np.ndarray) -> None:
        for kind, sink in sinks.items():
            try:
                sink.add(block.rows, block.columns, KINDS[kind](block, pixels, self.wanted.style))
                sink.close()
            except BaseException:
                sink.discard()
                raise

    def _later(self, write: Callable[[], None]) -> None:
        if len(self.writing) == WAITING:
            self.writing.pop(0).result()
        self.writing.append(self.writers.submit(write))

    def _record(
        self, source: Source, size: Sequence[int], seconds: float, tally: Tally, sinks: dict[str, Sink], **more: int
    ) -> None:
        files = {kind: str(sink.path) for kind, sink in sinks.items()}
        facts = tally.facts(self.classes)
        about = {'file': str(source.path), 'width': size[1], 'height': size[0], 'seconds': round(seconds, 4), **more}
        self.summary.images.append({**about, **facts, 'saved': files})

    def _remark_on_bits(self, source: Source) -> None:
        self.remarks.bits(source.path, bits_in_header(source.path), self.predictor.load)


def _on_host(block: Block) -> Block:
    probs = None if block.probs is None else block.probs.cpu()
    return block._replace(label_map=block.label_map.cpu(), confidence=block.confidence.cpu(), probs=probs)
