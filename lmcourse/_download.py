"""Files of pinned sources: found in the cache, else fetched, and used only when their checksum is right."""

import hashlib
import os
import tempfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from urllib.parse import quote

HOST = "https://raw.githubusercontent.com"
MIRROR, CACHE = "LMCOURSE_DATA_MIRROR", "LMCOURSE_DATA_CACHE"


class Offline(ConnectionError):
    """The file is not on this machine, and no place that has it can be reached."""


class Damaged(ValueError):
    """The file that arrived is not the file that was pinned."""


def cache_folder():
    """Where fetched files are kept: in ``LMCOURSE_DATA_CACHE``, else in the system's place for caches."""
    import pooch

    return Path(os.environ.get(CACHE) or pooch.os_cache("lmcourse")).expanduser()


def matches(content, checksum):
    """Is the checksum right: ``"sha256:"`` and 16 hexadecimal digits or more, or ``"git:"`` and a blob id?"""
    kind, _, digits = checksum.partition(":")
    if kind == "git":
        return hashlib.sha1(b"blob %d\0" % len(content) + content).hexdigest() == digits
    if kind != "sha256" or len(digits) < 16:
        raise ValueError(f"no way to check {checksum!r}")
    return hashlib.sha256(content).hexdigest().startswith(digits)


def fetch(source, path, show=True):
    """The bytes of one file of a source, from the cache, else the mirror or the host (with a bar if slow)."""
    place, checksum = f"{source.repository}/{source.commit}/{path}", source.files[path]
    kept = cache_folder() / place
    if kept.is_file():
        content = kept.read_bytes()
        if matches(content, checksum):
            return content
        kept.unlink()
    mirror = os.environ.get(MIRROR, "").strip()
    if mirror and "://" not in mirror:  # a folder: read in place
        file = Path(mirror).expanduser() / place
        if not file.is_file():
            raise Offline(
                f"{source.name}: there is no file {file}. {MIRROR} says to look there; "
                "without it, the internet is asked"
            )
        content = file.read_bytes()
        if not matches(content, checksum):
            raise Damaged(f"{source.name}: {file} is damaged ({len(content)} bytes, expected {checksum})")
        return content
    return _download(source.name, f"{(mirror or HOST).rstrip('/')}/{quote(place)}", kept, checksum, show)


def fetch_all(source, paths):
    """The bytes of several files, in their order, fetched eight at a time."""
    from tqdm.auto import tqdm

    pool = ThreadPoolExecutor(8)
    try:
        work = pool.map(lambda path: fetch(source, path, show=False), paths)
        return list(tqdm(work, source.name, len(paths), unit="files", leave=False, delay=1))
    finally:
        pool.shutdown(cancel_futures=True)


def _download(name, url, kept, checksum, show):
    import pooch
    import requests
    from tqdm.auto import tqdm

    kept.parent.mkdir(parents=True, exist_ok=True)
    handle, temporary = tempfile.mkstemp(dir=kept.parent, prefix=".arriving-")
    os.close(handle)
    temporary = Path(temporary)

    class Bar(tqdm):
        def reset(self, total=None):  # pooch calls it at the end, and tqdm's own shows the bar in spite of its delay
            self.n = 0

    bar = Bar(desc=name, total=1, unit="B", unit_scale=True, leave=False, delay=1, disable=not show)
    try:
        pooch.HTTPDownloader(progressbar=bar, timeout=20)(url, temporary, None)
        content = temporary.read_bytes()
        if not matches(content, checksum):
            raise Damaged(
                f"{name}: {url} arrived damaged ({len(content)} bytes, expected {checksum}) and was removed; "
                "try again, and if it stays so, the host or something on the way changes the file"
            )
        temporary.replace(kept)
        return content
    except requests.RequestException as error:
        answer = getattr(error.response, "status_code", None)
        said = f"the host answered {answer}" if answer else f"no connection, {type(error).__name__}"
        raise Offline(
            f"{name}: could not fetch {url} ({said}). The rest of the course works without it. "
            f"To have it, connect to the internet once (the file is then kept in {cache_folder()}), or set "
            f"{MIRROR} to a folder or an address that holds the files as owner/repository/commit/path"
        ) from None
    finally:
        bar.close()
        temporary.unlink(missing_ok=True)
