"""Decoding video: which frames are sampled, upright and whole, and what cannot be read."""

from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest

from extract.media.errors import UnreadableError
from extract.media.frames import Stretch
from extract.media.video import sampled_pictures
from tests.videos import write_frames, write_video

Picture = np.ndarray[Any, np.dtype[np.uint8]]


def read(path: Path, rate_hz: float, **stretch: Any) -> list[Picture]:
    """The frames at one rate."""
    sampled = sampled_pictures(path, [rate_hz], Stretch(**stretch))
    return [picture for picture, (count,) in sampled for _ in range(count)]


def levels(pictures: list[Picture]) -> list[float]:
    return [float(picture.mean()) for picture in pictures]


def corners(size: tuple[int, int] = (32, 48)) -> Picture:
    """Red in the upper left corner, green in the upper right, blue in the lower left."""
    height, width = size
    picture = np.zeros((height, width, 3), np.uint8)
    picture[: height // 2, : width // 2, 0] = 220
    picture[: height // 2, width // 2 :, 1] = 220
    picture[height // 2 :, : width // 2, 2] = 220
    return picture


class TestSampling:
    def test_frames_are_those_on_the_screen(self, tmp_path: Path) -> None:
        write_video(tmp_path / "a.mp4", [20, 60, 100, 140, 180])
        pictures = read(tmp_path / "a.mp4", 10)
        assert {picture.shape for picture in pictures} == {(32, 48, 3)}
        assert levels(pictures) == pytest.approx([20, 60, 100, 140, 180], abs=4)

    @pytest.mark.parametrize(("rate_hz", "expected"), [(20, 10), (5, 3), (4, 2), (10, 5), (1, 1)])
    def test_the_number_of_frames_is_duration_times_rate(
        self, tmp_path: Path, rate_hz: float, expected: int
    ) -> None:
        write_video(tmp_path / "a.mp4", [50] * 5)
        assert len(read(tmp_path / "a.mp4", rate_hz)) == expected

    def test_a_slower_rate_takes_the_frame_in_the_middle_of_each_step(self, tmp_path: Path) -> None:
        write_video(tmp_path / "a.mp4", [20, 60, 100, 140, 180, 220])
        assert levels(read(tmp_path / "a.mp4", 10 / 3)) == pytest.approx([60, 180], abs=4)

    def test_a_window_is_cut(self, tmp_path: Path) -> None:
        write_video(tmp_path / "a.mp4", [20, 60, 100, 140, 180, 220])
        pictures = read(tmp_path / "a.mp4", 10, start_s=0.2, end_s=0.4)
        assert levels(pictures) == pytest.approx([100, 140], abs=4)

    @pytest.mark.parametrize(
        ("name", "codec", "options"),
        [
            ("a.mp4", "libx264", {"g": "12", "crf": "1"}),
            ("a.avi", "mpeg4", {"g": "12", "qscale": "1"}),
            ("a.mpg", "mpeg1video", {"g": "12", "b:v": "9000000"}),
            ("a.ts", "mpeg2video", {"g": "12", "b:v": "9000000"}),
            ("a.mkv", "ffv1", {}),
            ("a.h264", "libx264", {"g": "12", "crf": "1", "bf": "0"}),
        ],
    )
    def test_a_window_is_the_slice_of_the_whole(
        self, tmp_path: Path, name: str, codec: str, options: dict[str, str]
    ) -> None:
        # Some containers have no index, and a seek ends after the requested frame.
        pictures = [np.full((32, 48, 3), 20 + 3 * n, np.uint8) for n in range(75)]
        write_frames(tmp_path / name, pictures, 25, codec=codec, options=options)
        whole = levels(read(tmp_path / name, 25))
        assert len(whole) == 75
        for first in (1, 5, 11, 12, 13, 30, 61):
            window = read(tmp_path / name, 25, start_s=first / 25, end_s=(first + 9) / 25)
            assert levels(window) == whole[first : first + 9], first

    def test_several_rates_share_one_decoding(self, tmp_path: Path) -> None:
        path = tmp_path / "a.mp4"
        write_video(path, [20, 60, 100, 140, 180, 220])
        rates = [10.0, 10 / 3, 25.0, 0.1]
        together: list[list[float]] = [[] for _ in rates]
        num_pictures = 0
        for picture, counts in sampled_pictures(path, rates, Stretch()):
            num_pictures += 1
            for number, count in enumerate(counts):
                together[number] += [float(picture.mean())] * count
        assert together == [levels(read(path, rate)) for rate in rates]
        assert num_pictures == 6 + 1  # the last once more, for the rate at which none was sampled

    def test_only_sampled_pictures_are_converted(self, tmp_path: Path) -> None:
        write_video(tmp_path / "a.mp4", [50] * 50)
        sampled = list(sampled_pictures(tmp_path / "a.mp4", [1.0], Stretch()))
        assert len(sampled) == 5

    def test_a_rate_that_varies_is_sampled_by_time(self, tmp_path: Path) -> None:
        pictures = [np.full((32, 48, 3), level, np.uint8) for level in (20, 100, 180)]
        write_frames(tmp_path / "a.mkv", pictures, times=[0, 2, 9])
        expected = [20] * 2 + [100] * 7 + [180]
        assert levels(read(tmp_path / "a.mkv", 10)) == pytest.approx(expected, abs=4)


class TestPictures:
    def test_a_box_is_cut_out(self, tmp_path: Path) -> None:
        picture = np.zeros((32, 64, 3), np.uint8)
        picture[:, 32:] = 200
        write_frames(tmp_path / "a.mp4", [picture])
        (right,) = read(tmp_path / "a.mp4", 10, box=(0.5, 0.25, 1.0, 1.0))
        (left,) = read(tmp_path / "a.mp4", 10, box=(0.0, 0.0, 0.5, 1.0))
        assert right.shape == (24, 32, 3) and left.shape == (32, 32, 3)
        assert right.mean() == pytest.approx(200, abs=4) and left.mean() == pytest.approx(0, abs=4)

    def test_an_empty_box_is_named(self, tmp_path: Path) -> None:
        write_video(tmp_path / "a.mp4", [50])
        with pytest.raises(UnreadableError, match=r"the box \(0.5, 0.0, 0.5, 1.0\) is empty"):
            read(tmp_path / "a.mp4", 10, box=(0.5, 0.0, 0.5, 1.0))

    @pytest.mark.parametrize("rotation", [0, 90, 180, -90])
    def test_a_rotation_flag_turns_the_picture_upright(self, tmp_path: Path, rotation: int) -> None:
        # The frames are turned by the angle that the flag turns back.
        lying = np.rot90(corners(), -rotation // 90)
        write_frames(tmp_path / "a.mp4", [lying], rotation=rotation, pixels="yuv444p")
        (picture,) = read(tmp_path / "a.mp4", 10)
        assert picture.shape == (32, 48, 3)
        assert np.abs(picture.astype(int) - corners()).mean() < 4

    def test_the_flag_means_what_players_take_it_for(self, tmp_path: Path) -> None:
        # A phone held upright: rows a, b of its matrix are (0, 65536) and (-65536, 0), and players
        # turn the frames by 90 degrees clockwise.
        write_frames(tmp_path / "a.mp4", [corners()], rotation=-90)
        with av.open(str(tmp_path / "a.mp4")) as container:
            frame = next(container.decode(video=0))
            matrix = np.frombuffer(bytes(next(iter(frame.side_data))), np.int32)
        assert matrix[[0, 1, 3, 4]].tolist() == [0, 65536, -65536, 0]
        (picture,) = read(tmp_path / "a.mp4", 10)
        assert picture.shape == (48, 32, 3) and picture[8, 24].argmax() == 0  # red: upper right

    @pytest.mark.parametrize("size", [(31, 47), (17, 33), (1, 1)])
    def test_odd_sizes_keep_every_pixel(self, tmp_path: Path, size: tuple[int, int]) -> None:
        write_frames(tmp_path / "a.mkv", [np.full((*size, 3), 90, np.uint8)], pixels="yuv444p")
        (picture,) = read(tmp_path / "a.mkv", 10)
        assert picture.shape == (*size, 3) and np.abs(picture.astype(int) - 90).max() < 4

    def test_interlaced_pictures_lose_their_comb(self, tmp_path: Path) -> None:
        # A bright bar moves between the two fields of each picture.
        pictures = []
        for number in range(8):
            picture = np.full((64, 96, 3), 30, np.uint8)
            for field in (0, 1):
                left = 10 + 8 * number + 4 * field
                picture[field::2, left : left + 12] = 220
            pictures.append(picture)
        options = {"flags": "+ildct+ilme", "b:v": "8000000"}
        write_frames(tmp_path / "a.mpg", pictures, 25, codec="mpeg2video", options=options)
        with av.open(str(tmp_path / "a.mpg")) as container:
            assert next(container.decode(video=0)).interlaced_frame
        mended = read(tmp_path / "a.mpg", 25)
        assert len(mended) == 8
        assert max(comb(p) for p in mended[1:-1]) < 0.4 * min(comb(p) for p in pictures)

    def test_progressive_pictures_are_left_alone(self, tmp_path: Path) -> None:
        lines = np.zeros((64, 96, 3), np.uint8)
        lines[::2] = 200
        write_frames(tmp_path / "a.mp4", [lines] * 3, pixels="yuv444p")
        assert comb(read(tmp_path / "a.mp4", 10)[1]) > 150


def comb(picture: Picture) -> float:
    """How much neighbouring rows differ on the whole."""
    return float(np.abs(np.diff(picture.astype(float), axis=0)).mean())


class TestFilesThatChange:
    def write(self, path: Path, kinds: list[tuple[tuple[int, int], int, bool]]) -> None:
        """Pieces one after another: a size, a grey, and whether they are interlaced."""
        pieces = []
        for number, (size, level, interlaced) in enumerate(kinds):
            piece = path.with_name(f"piece{number}.ts")
            options = {"flags": "+ildct+ilme"} if interlaced else {}
            pictures = [np.full((*size, 3), level, np.uint8)] * 10
            write_frames(piece, pictures, 25, codec="mpeg2video", options=options)
            pieces.append(piece.read_bytes())
        path.write_bytes(b"".join(pieces))

    @pytest.mark.parametrize("interlaced", [(False, False), (True, True), (False, True)])
    def test_a_size_that_changes_midway_leaves_whole_pictures(
        self, tmp_path: Path, interlaced: tuple[bool, bool]
    ) -> None:
        kinds = [((64, 96), 60, interlaced[0]), ((96, 64), 200, interlaced[1])]
        self.write(tmp_path / "a.ts", kinds)
        pictures = read(tmp_path / "a.ts", 25)
        kinds_read = {(p.shape[:2], round(p.mean(), -1), bool(p.std() < 3)) for p in pictures}
        assert kinds_read == {((64, 96), 60.0, True), ((96, 64), 200.0, True)}


class TestFilesThatCannotBeRead:
    def test_truncated_and_empty_files_are_undecodable(self, tmp_path: Path) -> None:
        write_video(tmp_path / "a.mp4", [50] * 30)
        raw = (tmp_path / "a.mp4").read_bytes()
        for content in (b"", raw[: len(raw) // 2]):
            (tmp_path / "b.mp4").write_bytes(content)
            with pytest.raises(UnreadableError) as caught:
                read(tmp_path / "b.mp4", 10)
            assert caught.value.reason == "undecodable"

    def test_a_video_beyond_the_limit_is_too_long(self, tmp_path: Path) -> None:
        write_video(tmp_path / "a.mp4", [50] * 30)
        with pytest.raises(UnreadableError) as caught:
            read(tmp_path / "a.mp4", 10, max_duration_s=1.0)
        assert caught.value.reason == "too-long"

    def test_a_jump_in_time_is_too_long_before_it_is_filled_with_pictures(
        self, tmp_path: Path
    ) -> None:
        black = np.zeros((32, 48, 3), np.uint8)
        write_frames(tmp_path / "a.mkv", [black] * 4, times=[0, 1, 2, 3 + 10**6])
        with pytest.raises(UnreadableError) as caught:
            read(tmp_path / "a.mkv", 1000, max_duration_s=60)
        assert caught.value.reason == "too-long"

    def test_a_stretch_after_the_end_is_reported(self, tmp_path: Path) -> None:
        write_video(tmp_path / "a.mp4", [50] * 5)
        with pytest.raises(UnreadableError, match=r"begins at 3.00 s, but the frames end after"):
            read(tmp_path / "a.mp4", 10, start_s=3.0, end_s=4.0)

    def test_sound_without_pictures_is_undecodable(self, tmp_path: Path) -> None:
        with av.open(str(tmp_path / "a.mp4"), "w") as container:
            stream = container.add_stream("aac", rate=16_000, layout="mono")
            frame = av.AudioFrame.from_ndarray(np.zeros((1, 8000), np.float32), "fltp", "mono")
            frame.rate = 16_000
            container.mux(stream.encode(frame))
            container.mux(stream.encode(None))
        with pytest.raises(UnreadableError, match="no video stream"):
            read(tmp_path / "a.mp4", 10)


def test_the_clips_of_the_grid_corpus_are_read_whole(shared_data: Path) -> None:
    for path in sorted((shared_data / "grid").glob("*.mpg")):
        pictures = read(path, 25)
        assert len(pictures) == 75, path
        assert {picture.shape for picture in pictures} == {(288, 360, 3)}
