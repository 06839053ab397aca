"""What this machine can run: packages against what is required and tested, device, caches, registries.

Nothing here imports torch but to ask for its devices, and nothing needs it: the core alone is examined too.
"""

import importlib.util
import os
import platform
import shutil
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from importlib import metadata
from pathlib import Path
from typing import Any

import yaml
from packaging.requirements import Requirement
from packaging.version import Version

DISTRIBUTION = "feature-atlas"
SHOWN = ("torch", "transformers", "transformer-lens", "sae-lens", "shap")
"""Packages whose versions are told even where all is well."""
GB = 1e9


@dataclass
class Found:
    """What was found: lines by heading, and what to do; `broken` counts packages of a wrong version."""

    parts: dict[str, list[str]] = field(default_factory=dict)
    to_do: list[str] = field(default_factory=list)
    broken: int = 0

    def tell(self, part: str, what: str, said: str) -> None:
        """Add a line."""
        self.parts.setdefault(part, []).append(f"  {what:<18} {said}")

    @property
    def text(self) -> str:
        """All of it, for people."""
        parts = self.parts | ({"to do": [f"  {each}" for each in self.to_do]} if self.to_do else {})
        return "\n".join(line for part, lines in parts.items() for line in (part, *lines))


@dataclass(frozen=True)
class Package:
    """A package that is required: of the core, or of an extra; None where it is not installed."""

    name: str
    extra: str
    required: Requirement
    installed: str | None
    tested: str | None

    @property
    def wrong(self) -> bool:
        """Whether another version is installed than is required."""
        return self.installed is not None and not self.required.specifier.contains(self.installed, prereleases=True)


def examine_machine() -> Found:
    """Look at everything; seconds at most."""
    found = Found()
    packages = list(required_packages())
    _tell_packages(found, packages)
    runs_models = all(each.installed for each in packages if each.extra == "model")
    _tell_devices(found)
    _tell_caches(found)
    registry = _registry()
    _tell_registries(found, registry)
    _tell_what_runs(found, registry, runs_models)
    return found


def required_packages() -> Iterator[Package]:
    """Those of the core and of `model`, as the installed distribution says."""
    tested = _tested()
    for line in metadata.requires(DISTRIBUTION) or ():
        required = Requirement(line)
        extra = next((each for each in ("", "model") if _holds(required, each)), None)
        if extra is None:
            continue
        try:
            installed: str | None = metadata.version(required.name)
        except metadata.PackageNotFoundError:
            installed = None
        yield Package(required.name, extra, required, installed, tested.get(_plain(required.name)))


def _holds(required: Requirement, extra: str) -> bool:
    return required.marker is None or required.marker.evaluate({"extra": extra})


def _plain(name: str) -> str:
    return name.lower().replace("_", "-")


def _tested() -> dict[str, str]:
    """Versions that are tested together, by name: constraints.txt, in the wheel or beside a checkout."""
    here = Path(__file__).resolve()
    files = (here.with_name("constraints.txt"), here.parents[2] / "constraints.txt")
    text = next((file.read_text(encoding="utf-8") for file in files if file.is_file()), "")
    pairs = (line.split("==") for line in text.splitlines() if "==" in line)
    return {_plain(name): version for name, version in pairs}


def _tell_packages(found: Found, packages: Sequence[Package]) -> None:
    system = f"Python {platform.python_version()}, {platform.system()} {platform.machine()}"
    found.tell("packages", DISTRIBUTION, f"{metadata.version(DISTRIBUTION)} on {system}")
    for extra in ("", "model"):
        those = [each for each in packages if each.extra == extra]
        good = [each for each in those if each.installed and not each.wrong]
        shown = ", ".join(f"{each.name} {each.installed}" for each in good if each.name in SHOWN)
        found.tell("packages", extra or "core", f"{len(good)} of {len(those)} as required{shown and ': '}{shown}")
        missing = [each.name for each in those if not each.installed]
        if missing and extra:
            found.tell("packages", "not installed", ", ".join(missing))
            found.to_do.append(f"to run models: pip install '{DISTRIBUTION}[model]'")
    for each in packages:
        if each.wrong or (not each.extra and not each.installed):
            found.broken += 1
            found.to_do.append(f"{each.name} {each.installed or 'is missing'}: pip install '{each.required}'")
    _tell_untested(found, packages)


def _tell_untested(found: Found, packages: Sequence[Package]) -> None:
    other = [each for each in packages if each.installed and each.tested and _others(each.installed, each.tested)]
    if other:
        named = ", ".join(f"{each.name} {each.installed} (tested: {each.tested})" for each in other)
        found.tell("packages", "other than tested", named)


def _others(installed: str, tested: str) -> bool:
    """Whether versions differ; the build, as in 2.13.0+cpu, is none of it."""
    return Version(installed).public != Version(tested).public


def _tell_devices(found: Found) -> None:
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / GB
    found.tell("devices", "cpu", f"{os.cpu_count()} cores, {memory:.1f} GB of memory")
    if importlib.util.find_spec("torch") is None:
        return
    import torch

    if not torch.cuda.is_available():
        found.tell("devices", "cuda", "none, or none that this torch can use; models run on the cpu")
    for number in range(torch.cuda.device_count()):
        about = torch.cuda.get_device_properties(number)
        found.tell("devices", f"cuda:{number}", f"{about.name}, {about.total_memory / GB:.1f} GB")


def _cache() -> Path:
    """Where Hugging Face's libraries keep what they have fetched."""
    home = os.environ.get("HF_HOME") or Path(os.environ.get("XDG_CACHE_HOME", Path.home() / ".cache")) / "huggingface"
    return Path(os.environ.get("HF_HUB_CACHE") or Path(home) / "hub")


def _tell_caches(found: Found) -> None:
    cache = _cache()
    held = [path for path in cache.glob("models--*") if path.is_dir()]
    size = sum(file.stat().st_size for path in held for file in path.glob("blobs/*") if file.is_file()) / GB
    beside = next(path for path in (cache, *cache.parents) if path.exists())
    free = shutil.disk_usage(beside).free / GB
    found.tell("caches", "hub", f"{cache}: {len(held)} repositories of models, {size:.1f} GB; {free:.1f} GB are free")
    if importlib.util.find_spec("huggingface_hub") is None:
        return
    from ingest.models.hub import hub_is_reachable

    if hub_is_reachable():
        found.tell(
            "caches", "network", "the Hugging Face hub can be reached: what is missing is fetched when it is used"
        )
    else:
        found.tell("caches", "network", "the Hugging Face hub is out of reach, or switched off by HF_HUB_OFFLINE")
        found.to_do.append(
            "without the hub, give folders: --sae FOLDER (as SAELens saves it) --model FOLDER (as save_pretrained "
            f"writes it); or copy a cache from elsewhere to {cache}"
        )


def _registry() -> dict[str, Any]:
    """SAELens' registry, by release, read off its file; nothing where it is not installed."""
    spec = importlib.util.find_spec("sae_lens")
    for folder in (spec and spec.submodule_search_locations) or ():
        file = Path(folder) / "pretrained_saes.yaml"
        if file.is_file():
            with file.open(encoding="utf-8") as opened:
                loaded: dict[str, Any] = yaml.load(opened, getattr(yaml, "CSafeLoader", yaml.SafeLoader))
            return loaded
    return {}


def _tell_registries(found: Found, registry: dict[str, Any]) -> None:
    from ingest.models.names import pocket_sae_ids

    found.tell("registries", "pocket", f"{len(pocket_sae_ids())} SAEs, in this package")
    if registry:
        saes = sum(len(release["saes"]) for release in registry.values())
        said = f"{saes:,} SAEs in {len(registry):,} releases; atlas sae list names them"
        found.tell("registries", "SAELens", said)


def _tell_what_runs(found: Found, registry: dict[str, Any], runs_models: bool) -> None:
    from ingest.models.names import pocket_sae_ids

    if not runs_models:
        found.tell("runs now", "nothing", "models need more packages; query, publish, serve and verify run")
        return
    found.tell("runs now", "pocket", ", ".join(pocket_sae_ids()))
    cache = _cache()
    for name, release in registry.items():
        held = [each for each in release["saes"] if _is_held(cache, release["repo_id"], str(each["path"]))]
        if held:
            model = str(release["model"])
            said = f"{len(held)} of {len(release['saes'])} SAEs are here"
            if _model_is_held(cache, model):
                found.tell("runs now", name, f"{said}, and their model {model}: atlas doctor {name}")
            else:
                found.tell("caches", name, f"{said}, but not their model {model}")
                found.to_do.append(f"for {name}: fetch {model}, or give its folder: --model FOLDER")


def _is_held(cache: Path, repository: str, path: str) -> bool:
    folder = cache / f"models--{repository.replace('/', '--')}" / "snapshots"
    return any((snapshot / path).exists() for snapshot in folder.glob("*"))


def _model_is_held(cache: Path, model: str) -> bool:
    """Whether the cache has a model, by any of its names."""
    from ingest.models.hub import hub_names

    return any(_is_held(cache, name, "config.json") for name in hub_names(model))
