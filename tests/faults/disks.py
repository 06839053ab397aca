"""Disks that are full, and folders that cannot be written to."""

import os
import random
import resource
import shutil
import subprocess
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from tests.faults.children import run_atlas
from tests.faults.rows import size_of
from tests.faults.workloads import ATLAS, Workload

Report = dict[str, object]
ROOMY = 1 << 30


@dataclass(frozen=True)
class Disk:
    """A small disk of its own, in memory."""

    path: Path

    def remount(self, options: str) -> None:
        """Change how it is mounted."""
        _mount("-o", f"remount,{options}", str(self.path))


def can_mount(folder: Path) -> bool:
    """Whether this process may mount disks."""
    try:
        with disk(folder / "probe", ROOMY):
            return True
    except (OSError, subprocess.CalledProcessError):
        return False


@contextmanager
def disk(path: Path, size: int) -> Iterator[Disk]:
    """Mount a disk of so many bytes at a new folder; it goes when it is left."""
    path.mkdir(parents=True)
    _mount("-t", "tmpfs", "-o", f"size={size}", "tmpfs", str(path))
    try:
        yield Disk(path)
    finally:
        subprocess.run(["umount", "-l", str(path)], check=True, capture_output=True)


def _mount(*arguments: str) -> None:
    subprocess.run(["mount", *arguments], check=True, capture_output=True)


def full(workloads: Sequence[Workload], sizes: int, seed: int, folder: Path) -> Iterator[Report]:
    """Run each workload on so many disks that are too small, then with room; a report for each workload."""
    squeezed = _on_small_disk if can_mount(folder) else _with_small_files
    for workload in workloads:
        chance = random.Random(f"{seed} {workload.name}")
        began, faults, refused = time.monotonic(), list[str](), 0
        for number in range(sizes):
            share = chance.random() ** 4  # rows in a log, and no room to sort them in, take a sixth of what a file does
            found, was_refused = squeezed(workload, share, folder / f"{workload.name}-{number}")
            refused += was_refused
            faults += found
        yield {
            "suite": "full disk",
            "workload": workload.name,
            "how": squeezed.__name__.strip("_").replace("_", " "),
            "disks": sizes,
            "refused": refused,
            "seconds": round(time.monotonic() - began, 1),
            "faults": faults,
        }


def _on_small_disk(workload: Workload, share: float, folder: Path) -> tuple[list[str], bool]:
    """Run on a disk that has a share of the room that the command takes, then make room and run it again."""
    needed = max(workload.growth, size_of(workload.start / ATLAS))
    with disk(folder, ROOMY) as small:
        place = small.path / "folder"
        workload.begin(place)
        held = shutil.disk_usage(small.path).used
        small.remount(f"size={int(held + 16_384 + share * needed)}")
        return squeeze(workload, place, lambda: None, lambda: small.remount(f"size={ROOMY}"))


def _with_small_files(workload: Workload, share: float, folder: Path) -> tuple[list[str], bool]:
    """The same where no disk can be mounted: no file grows beyond a share of what the atlas takes."""
    workload.begin(folder)
    limit = int(16_384 + share * (size_of(workload.start / ATLAS) + workload.growth))
    return squeeze(workload, folder, lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit)), lambda: None)


def squeeze(
    workload: Workload, place: Path, before: Callable[[], None], make_room: Callable[[], None]
) -> tuple[list[str], bool]:
    """Run without enough of something, then with it; what does not hold, and whether the first run was refused."""
    first = run_atlas(workload.arguments(place), before=before)
    make_room()
    faults = workload.faults(place)
    faults += [f"{workload.name}: {fault}" for fault in (first.fault(),) if fault]
    if first.code:
        again = run_atlas(workload.arguments(place))
        faults += [f"{workload.name}: not finished with room: {again.said}"] * (again.code != 0)
    return faults + workload.differences(place, in_order=not (first.code and workload.jobs)), first.code != 0


def read_only(workloads: Sequence[Workload], folder: Path) -> Iterator[Report]:
    """Run each workload where nothing can be written: one clear line, and nothing has changed."""
    if not can_mount(folder) and os.geteuid() == 0:
        yield {
            "suite": "read-only",
            "skipped": "root may write anywhere, and no disk can be mounted here",
            "faults": [],
        }
        return
    for workload in workloads:
        began = time.monotonic()
        with _read_only_folder(workload, folder / workload.name) as place:
            before = _listing(place)
            ended = run_atlas(workload.arguments(place))
            faults = [ended.fault() or ""] * bool(ended.fault())
            faults += ["it says that it is done"] * (ended.code == 0)
            faults += ["the folder has changed"] * (_listing(place) != before)
        yield {
            "suite": "read-only",
            "workload": workload.name,
            "folders": 1,
            "said": ended.said.strip().replace(str(folder), "."),
            "seconds": round(time.monotonic() - began, 1),
            "faults": faults,
        }


@contextmanager
def _read_only_folder(workload: Workload, folder: Path) -> Iterator[Path]:
    if can_mount(folder.with_name(f"{folder.name}-try")):
        with disk(folder, ROOMY) as held:
            workload.begin(folder / "folder")
            held.remount("ro")
            yield folder / "folder"
        return
    workload.begin(folder)
    folder.chmod(0o555)
    yield folder
    folder.chmod(0o755)


def _listing(folder: Path) -> list[tuple[str, int, int]]:
    """Names, sizes and times of all that is in a folder."""
    found = ((path, path.stat()) for path in sorted(folder.rglob("*")))
    return [(str(path), known.st_size, known.st_mtime_ns) for path, known in found]
