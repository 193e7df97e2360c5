"""One file over HTTP through pooch: checked, cached, and never half there."""

import importlib
import importlib.util
import logging
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import ModuleType

CACHE_VARIABLE = "BNLIB_CACHE"


class FetchError(OSError):
    """A data set could not be fetched; nothing wrong was left in the cache."""


def cache_folder(cache: str | os.PathLike[str] | None) -> Path:
    """Return where files are kept: ``cache``, else ``$BNLIB_CACHE``, else the system's place.

    Raises
    ------
    TypeError
        If ``cache`` is no path.
    ModuleNotFoundError
        If the system's place is asked for and pooch, which knows it, is missing.

    Examples
    --------
    >>> cache_folder("somewhere").name
    'somewhere'
    """
    if cache is None:
        cache = os.environ.get(CACHE_VARIABLE) or load_pooch().os_cache("bnlib")
    if not isinstance(cache, str | os.PathLike):
        raise TypeError(
            f"fetch: cache must be a path or None, got {type(cache).__name__}; "
            f"None takes ${CACHE_VARIABLE} or the system's cache folder"
        )
    return Path(cache).expanduser()


def download(url: str, path: Path, checksum: str, progress: bool = True) -> None:
    """Make sure that ``path`` holds the file with ``checksum``; ask ``url`` only if not.

    The transfer goes to a temporary file beside ``path``, which takes the name ``path``
    only after its checksum has matched. A file that is there already is checked, too.

    Parameters
    ----------
    url : str
    path : Path
        Its folder is made where it is missing.
    checksum : str
        ``"sha256:..."`` or another algorithm of hashlib.
    progress : bool
        Show a bar on stderr where tqdm is installed; ``TQDM_DISABLE=1`` hides it.

    Raises
    ------
    FetchError
        If the server cannot be reached, answers with an error, sends something else or
        not all of it, or the file cannot be written.
    ModuleNotFoundError
        If pooch is missing.
    """
    pooch = load_pooch()
    requests = importlib.import_module("requests")  # pooch's own dependency
    bar = progress and _bar_is_possible()
    # Undecoded: a server that declares .gz an encoding would have it unpacked on the way.
    transfer = pooch.HTTPDownloader(progressbar=bar, headers={"Accept-Encoding": "identity"})

    def transfer_and_check(url: str, file: str, _: object) -> None:
        transfer(url, file, None)
        _check_checksum(pooch, url, Path(file), path.name, checksum)

    try:
        with _level(pooch.get_logger(), logging.INFO if bar else logging.WARNING):
            pooch.retrieve(url, checksum, path.name, path.parent, downloader=transfer_and_check)
    except FetchError:
        raise
    except requests.RequestException as error:
        raise FetchError(_no_answer(url, path, error)) from error
    except OSError as error:
        raise FetchError(
            f"fetch: expected to keep {path.name} in {path.parent}, got {error}; make room "
            f"or rights there, or choose another folder (cache=..., ${CACHE_VARIABLE})"
        ) from error


def load_pooch() -> ModuleType:
    """Return the module pooch, or say how to install it."""
    try:
        return importlib.import_module("pooch")
    except ModuleNotFoundError as error:
        raise ModuleNotFoundError(
            "fetch: downloads go through pooch, which is missing; "
            "install it with: pip install pooch"
        ) from error


def _bar_is_possible() -> bool:
    """Tell whether tqdm is installed and not switched off."""
    off = os.environ.get("TQDM_DISABLE")  # tqdm itself reads it once, when imported
    return not off and importlib.util.find_spec("tqdm") is not None


def _check_checksum(pooch: ModuleType, url: str, file: Path, name: str, checksum: str) -> None:
    """Raise unless ``file`` has ``checksum``; pooch then deletes it."""
    algorithm = checksum.partition(":")[0]
    got = f"{algorithm}:{pooch.file_hash(str(file), alg=algorithm)}"
    if got != checksum:
        raise FetchError(
            f"fetch: expected {name} with {checksum}, got {got} ({file.stat().st_size} bytes) "
            f"from {url}; nothing was kept: try again later, or name another base_url"
        )


def _no_answer(url: str, path: Path, error: OSError) -> str:
    """Return the text for a server that did not deliver; ``error`` is of requests."""
    response = getattr(error, "response", None)
    if response is not None:
        response.close()  # nobody else does, and its body was never read
        got = f"HTTP status {response.status_code} ({response.reason})"
        return f"fetch: expected {url}, got {got}; check base_url, or name that of a mirror"
    return (
        f"fetch: expected {url}, got no whole answer ({type(error).__name__}); check the "
        f"network and try again, or put {path.name} into {path.parent} yourself"
    )


@contextmanager
def _level(logger: logging.Logger, level: int) -> Iterator[None]:
    """Let ``logger`` say only what is at least ``level``, for a while."""
    before = logger.level
    logger.setLevel(level)
    try:
        yield
    finally:
        logger.setLevel(before)
