"""The address, and the lines of each file that hold it.

A file marks these lines with `configure: begin NAME` and `configure: end` in comments. The
theme takes `colab_url` without a repository for one of another project, and buttons with an
empty address end the build. So without an address all of them are left out.
"""

import re

# GitHub: letters, digits and single hyphens for the owner; dot and underscore in the name.
REPO = re.compile(r"[A-Za-z0-9](?:-?[A-Za-z0-9]){0,38}/[A-Za-z0-9._-]{1,100}")
SITE = re.compile(r"https://[A-Za-z0-9.-]+(?::\d+)?(?:/[A-Za-z0-9._~-]+)*/?")

# For each file its regions; for each region its text without and with an address.
Texts = dict[str, dict[str, tuple[str, str]]]
TEXTS: Texts = {
    "_config.yml": {
        "address": (
            "",
            """\
repository:
  url: {url}
  branch: main
launch_buttons:
  notebook_interface: jupyterlab
  colab_url: https://colab.research.google.com
""",
        ),
        "buttons": (
            """\
use_repository_button: false
use_issues_button: false
use_edit_page_button: false
""",
            """\
baseurl: {site}
use_repository_button: true
use_issues_button: true
use_edit_page_button: true
""",
        ),
    },
    "CITATION.cff": {"citation": ("", "repository-code: {url}\nurl: {site}\n")},
    "pyproject.toml": {
        "urls": ("", '[project.urls]\nDocumentation = "{site}"\nRepository = "{url}"\n'),
    },
    "README.md": {
        "clone": (
            "",
            """\
Read the book at <{site}>, or get its source:

```bash
git clone {url}
cd {name}
```
""",
        ),
    },
    "book/how_to_use.md": {
        "colab": (
            """\
This copy of the book has no address on the web, from which Colab could install `bnlib`. \
`make configure` sets one.
""",
            """\
The button with a rocket, at the top of a chapter, opens the chapter in Google Colab. An \
exercise sheet has no such button: download it from its page. Then open \
[Google Colab](https://colab.research.google.com) and choose *File → Upload notebook*.
""",
        ),
    },
}


def address(repo: str, site: str | None = None) -> dict[str, str]:
    """Return what the texts ask for.

    Parameters
    ----------
    repo : str
        The repository on GitHub, as owner/name.
    site : str, optional
        Where the built book stands. Default: the repository's GitHub Pages.

    Returns
    -------
    dict
        ``repo``, its ``name``, its ``url``, and ``site`` with a slash at its end.

    Raises
    ------
    ValueError
        If ``repo`` is not of the form owner/name, or ``site`` is no plain https address.
    """
    if not REPO.fullmatch(repo) or repo.endswith(("/.", "/..", ".git")):
        raise ValueError(
            f"--repo: expected owner/name as on GitHub, got {repo!r}; "
            "give it without https:// and without .git"
        )
    if site is not None and not SITE.fullmatch(site):
        raise ValueError(
            f"--site: expected an address such as https://owner.github.io/name/, got {site!r}; "
            "give it with https://, without a query and without an anchor"
        )
    owner, name = repo.split("/")
    host = f"{owner.lower()}.github.io"  # the repository of this name is served at its top
    pages = f"https://{host}/" if name.lower() == host else f"https://{host}/{name}/"
    site = f"{(site or pages).rstrip('/')}/"
    return {"repo": repo, "name": name, "url": f"https://github.com/{repo}", "site": site}
