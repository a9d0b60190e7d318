"""C++ source text for the checks in this folder: which files there are, and a copy of a file
without comments and literals, so that a word in a sentence is not taken for code."""
import pathlib
import re
import subprocess

# One alternative per thing that may hide the others; the order matters.
_HIDDEN = re.compile(
    r"""//[^\n]*
      | /\*.*?\*/
      | R"(?P<raw>[^(\s]*)\(.*?\)(?P=raw)"
      | "(?:\\.|[^"\\\n])*"
      | (?<![0-9a-fA-F])'(?:\\.|[^'\\\n])+'""",
    re.DOTALL | re.VERBOSE,
)
# The lookbehind leaves the digit separators of 1'000'000 alone.


def blank(text):
    """`text` with comments and literals as spaces; lines and columns stay where they were."""
    return _HIDDEN.sub(lambda hit: re.sub(r"[^\n]", " ", hit.group()), text)


def tracked_files(root):
    """Files that git knows or would add; without git, all below root but build/."""
    listing = subprocess.run(
        ["git", "-C", str(root), "ls-files", "-co", "--exclude-standard", "-z"],
        capture_output=True, text=True, check=False)
    if listing.returncode == 0:
        names = [pathlib.Path(name) for name in listing.stdout.split("\0") if name]
    else:
        names = [path.relative_to(root) for path in root.rglob("*")]
        names = [name for name in names
                 if name.parts[0] not in ("build", ".git") and "node_modules" not in name.parts]
    return sorted(name for name in set(names) if (root / name).is_file())
