"""Put the built book, the notebooks and the package into one archive that works from a USB stick, without a network.

    python .ci/offline.py [--wheels [--torch-index ADDRESS]]

``make offline`` builds the book first and then calls this. With --wheels, the packages that the notebooks need come
along, for this machine's Python and system: several hundred megabytes. Only torch may come from --torch-index.
"""

from __future__ import annotations

import argparse
import hashlib
import subprocess
import sys
import tempfile
import zipfile
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
DATE = (2020, 1, 1, 0, 0, 0)  # the same files make the same archive
README = """\
lmcourse {version}: language models from counting to BERT

To read: open book/index.html in a browser. Nothing is loaded from a network; the figures work.

To run the notebooks you need Python 3.11, 3.12 or 3.13:

    python -m venv venv
    venv/bin/python -m pip install {install}
    venv/bin/jupyter lab notebooks

On Windows it is venv\\Scripts instead of venv/bin. {wheels}

To check that all files are whole: sha256sum --check SHA256SUMS (on a Mac: shasum -a 256 --check SHA256SUMS)


읽기: book/index.html을 브라우저로 여세요. 인터넷 없이도 그림과 위젯이 모두 작동합니다.

실행: 파이썬 3.11~3.13이 필요합니다. 위의 세 줄을 차례로 입력하면 노트북이 열립니다. 윈도우에서는 venv/bin 대신
venv\\Scripts를 쓰세요. {wheels_ko}

확인: sha256sum --check SHA256SUMS를 입력하면 모든 파일이 온전한지 알 수 있습니다.
"""
NETWORK = {
    "wheels": "The second line needs a network once, for PyTorch and JupyterLab.",
    "wheels_ko": "둘째 줄은 처음 한 번만 인터넷이 필요합니다.",
}
NO_NETWORK = {
    "wheels": "All packages are in wheels/, for {python} on {system}; no network is needed.",
    "wheels_ko": "필요한 패키지는 모두 wheels 폴더에 있어 인터넷이 없어도 됩니다({python}, {system}용).",
}


def entries(book, root, wheels):
    """What belongs into the archive: pairs (name, path), sorted by name.

    Args:
        book: the folder of the built pages.
        root: the folder of the project.
        wheels: a folder with the wheel of the package, and perhaps others.
    """
    pages = [path for path in book.rglob("*") if path.is_file()]
    found = {f"book/{path.relative_to(book).as_posix()}": path for path in pages}
    found = {name: path for name, path in found.items() if "/." not in name}  # what the builder keeps for itself
    found |= {f"notebooks/{path.name}": path for path in (root / "notebooks").glob("*.ipynb")}
    found |= {f"benchmarks/results/{path.name}": path for path in (root / "benchmarks" / "results").glob("*.json")}
    found |= {f"wheels/{path.name}": path for path in wheels.glob("*.whl")}
    found |= {name: root / name for name in ("LICENSE", "constraints.txt")}
    return sorted(found.items())


def write(archive, top, contents):
    """Write a zip file with one folder, and the sums of all files in it.

    Args:
        archive: its path.
        top: the name of the folder.
        contents: pairs (name, path or bytes).
    """
    sums = []

    def put(name, data):
        info = zipfile.ZipInfo(f"{top}/{name}", DATE)
        info.external_attr = 0o644 << 16  # everyone may read it
        file.writestr(info, data, zipfile.ZIP_DEFLATED)

    with zipfile.ZipFile(archive, "w", zipfile.ZIP_DEFLATED) as file:
        for name, source in contents:
            data = source if isinstance(source, bytes) else source.read_bytes()
            sums.append(f"{hashlib.sha256(data).hexdigest()}  {name}\n")
            put(name, data)
        put("SHA256SUMS", "".join(sums))


def make(book, root, output, all_wheels=False, torch_index=None):
    """Make the archive, and return its path.

    Args:
        book, root: as for :func:`entries`.
        output: a folder.
        all_wheels: whether the packages that the notebooks need come along.
        torch_index: the address of one more package index, for torch alone; the Makefile has one for the CPU build.
    """
    if not (book / "index.html").is_file():
        raise SystemExit(f"there is no book in {book}; build it first: make book")
    with tempfile.TemporaryDirectory() as folder:
        pip = [sys.executable, "-m", "pip", "--quiet", "--disable-pip-version-check", "wheel", "--wheel-dir", folder]
        subprocess.run([*pip, str(root), "--no-deps"], check=True)
        (wheel,) = Path(folder).glob("lmcourse-*.whl")
        if all_wheels:
            tested = ["-c", str(root / "constraints.txt")]
            if torch_index:
                subprocess.run([*pip, *tested, "torch", "--no-deps", "--extra-index-url", torch_index], check=True)
            subprocess.run([*pip, *tested, f"{wheel}[lab]", "--find-links", folder], check=True)
        version = wheel.name.split("-")[1]
        install = f'"wheels/{wheel.name}[lab]" -c constraints.txt'
        if all_wheels:
            install = '--no-index --find-links wheels "lmcourse[lab]"'
        here = {"python": f"Python {sys.version_info[0]}.{sys.version_info[1]}", "system": sys.platform}
        notes = {name: note.format(**here) for name, note in (NO_NETWORK if all_wheels else NETWORK).items()}
        about = README.format(version=version, install=install, **notes).encode()
        archive = output / f"lmcourse-offline-{version}.zip"
        output.mkdir(parents=True, exist_ok=True)
        write(archive, f"lmcourse-{version}", [*entries(book, root, Path(folder)), ("README.txt", about)])
    return archive


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--wheels", action="store_true", help="with all packages that the notebooks need")
    parser.add_argument("--torch-index", metavar="ADDRESS", help="where torch may come from too")
    options = parser.parse_args()
    archive = make(ROOT / "_build" / "html", ROOT, ROOT / "_build", options.wheels, options.torch_index)
    print(f"{archive.relative_to(ROOT)}, {archive.stat().st_size / 1e6:.0f} MB: unpack it and open book/index.html")


if __name__ == "__main__":
    main()
