"""Repository links and launch buttons, for a checkout whose remote everybody can read."""

import re
import subprocess
from typing import NamedTuple

# Jupyter Book's default, which is nobody's book.
PLACEHOLDER = "https://github.com/executablebooks/jupyter-book"
FORGES = {
    "github.com": "github",
    "gitlab.com": "gitlab",
    "bitbucket.org": "bitbucket",
    "codeberg.org": "codeberg",
}
# https://user@host:port/path, ssh://git@host/path, git@host:path
REMOTE = re.compile(
    r"""(?: (?:https?|ssh|git)://(?:[^@/\s]*@)?(?P<host>[^/:@\s]+)(?::\d+)?/
          | (?:[^@/\s:]+@)(?P<ssh_host>[^/:@\s]+):/* )
        (?P<path>[^\s?\#]+?)(?:\.git)?/*$""",
    re.VERBOSE,
)


class Repository(NamedTuple):
    """A public repository: the address of its page (no secret in it), and which kind of forge it is on."""

    url: str
    forge: str


def parse_remote(remote):
    """The public page of a git remote; ``None`` for a folder, a file, or a host that is no known forge.

    >>> parse_remote("git@github.com:someone/lmcourse.git")
    Repository(url='https://github.com/someone/lmcourse', forge='github')
    >>> parse_remote("/srv/git/lmcourse.git") is None
    True
    """
    match = REMOTE.match(remote.strip())
    if not match:
        return None
    host = (match["host"] or match["ssh_host"]).lower().removeprefix("www.")
    path = match["path"].strip("/")
    if host not in FORGES or not re.fullmatch(r"[\w.-]+(/[\w.-]+)+", path):
        return None
    return Repository(f"https://{host}/{path}", FORGES[host])


def theme_options(repository, branch="main", path_to_docs=""):
    """Options of ``sphinx_book_theme`` that link the pages to the repository."""
    if repository.forge == "codeberg":  # the theme's buttons know three forges only
        name = repository.url.rsplit("/", 1)[-1]
        link = {"name": name, "url": repository.url, "icon": "fa-brands fa-git-alt", "type": "fontawesome"}
        return {"icon_links": [link], "repository_url": "", "launch_buttons": {}}
    options = {
        "repository_url": repository.url,
        "repository_provider": repository.forge,
        "repository_branch": branch,
        "path_to_docs": path_to_docs,
        "use_repository_button": True,
        "use_edit_page_button": True,
        "use_issues_button": repository.forge != "bitbucket",
        "launch_buttons": {"notebook_interface": "jupyterlab", "binderhub_url": "https://mybinder.org"},
    }
    if repository.forge == "github":
        options["launch_buttons"]["colab_url"] = "https://colab.research.google.com"
    return options


def git(folder, *arguments):
    """What ``git`` prints; nothing where there is no git, no repository, or no such thing in it."""
    try:
        done = subprocess.run(
            ["git", "-C", str(folder), *arguments], capture_output=True, text=True, timeout=20, check=False
        )
    except (OSError, subprocess.TimeoutExpired):
        return ""
    return done.stdout.strip() if done.returncode == 0 else ""


def add_links(options, folder):
    """Set the theme's options by what the checkout around ``folder`` allows.

    A repository that ``_config.yml`` names is left as it is. Without one, and without a public remote,
    there are no links: Jupyter Book would write its own repository there.
    """
    if options.get("repository_url") not in (None, "", PLACEHOLDER):
        return
    repository = parse_remote(git(folder, "remote", "get-url", "origin"))
    if repository is None:
        options["repository_url"] = ""
        options["launch_buttons"] = {}
        return
    default = git(folder, "symbolic-ref", "--short", "refs/remotes/origin/HEAD").removeprefix("origin/")
    branch = default or git(folder, "symbolic-ref", "--short", "HEAD") or "main"
    links = theme_options(repository, branch, git(folder, "rev-parse", "--show-prefix").strip("/"))
    links["icon_links"] = [*options.get("icon_links", []), *links.get("icon_links", [])]
    options.update(links)
