#!/usr/bin/env python3
"""Which sources of one folder may be compiled as one, for cmake/KithUnity.cmake.

    unity_groups.py [ROOT]

Prints `GROUP PATH` for the sources below src/ that may share a translation unit; GROUP is unique
within a folder's library and within its tests. A source that no other can join is left out.

Two sources share one only when no name that either declares for itself (in a nameless namespace,
by `using`, as a constant) means something else in the other or in what only the other includes.
Nor does one of them draw folders of the program alone into what the library needs.
What this does not see ends in a compiler's error, not in another program: then rename.
"""
import pathlib
import re
import sys

from cpp_text import blank, tracked_files

GROUP_FILES_MAX = 8
# Folders that the program has and the installed library has not (cmake/KithInstall.cmake).
PROGRAM_FOLDERS = {"cli", "sim"}

INCLUDE = re.compile(r'^#\s*include\s*"([^">]+)"', re.MULTILINE)
MACRO = re.compile(r"^#\s*(define|undef)\b", re.MULTILINE)
DIRECTIVE = re.compile(r"^#.*$", re.MULTILINE)
FREE_NAME = re.compile(r"(?<![\w.:>])[A-Za-z_]\w*|(?<=[^-]>)[A-Za-z_]\w*")
NAME = re.compile(r"[A-Za-z_]\w*")
NAMESPACE = re.compile(r"\bnamespace\b\s*([\w:]*)\s*$")
USING_NAMESPACE = re.compile(r"^using namespace ([\w:]+)$")
USING = re.compile(r"^using\s+(?:([\w:]+::(\w+))|(?:(\w+)\s*=\s*(.+)))$", re.DOTALL)
TYPE = re.compile(r"\b(?:struct|class|enum(?:\s+class)?|union)\s+(\w+)")
TEST = re.compile(r"^(TEST|TEST_F|TEST_P|TYPED_TEST|RC_GTEST_\w+|INSTANTIATE_\w+)\s*\(")


class Source:
    """What packing must know of one source: the names it declares for itself, and those it uses."""

    def __init__(self, text):
        code = DIRECTIVE.sub("", blank(text))
        self.uses = set(FREE_NAME.findall(code))
        self.own = {}         # name -> what it stands for; of a declaration, nothing
        self.opened = set()   # namespaces that it opens with `using namespace`
        self.has_macros = MACRO.search(text) is not None
        for statement, is_local in statements(code):
            self.declare(statement, is_local)

    def declare(self, statement, is_local):
        opened = USING_NAMESPACE.match(statement)
        if opened:
            self.opened.add(opened.group(1))
            return
        using = USING.match(statement)
        if using:
            self.own[using.group(2) or using.group(3)] = using.group(1) or using.group(4)
            return
        if TEST.match(statement):
            return
        constant = re.match(r"(inline )?(constexpr|static|const)\b", statement)
        if not is_local and not constant:
            return
        named = TYPE.search(statement)
        if named and "(" not in statement[:named.start()]:
            self.own[named.group(1)] = ""
            return
        before = re.split(r"\(|=(?!=)|\{|\[(?!\[)", statement.replace("operator==", ""), maxsplit=1)
        names = NAME.findall(before[0])
        if names and not re.search(r"::\s*~?" + names[-1] + r"\s*$", before[0]):
            self.own[names[-1]] = ""


def statements(code):
    """(text, whether in a nameless namespace) of each declaration at namespace scope."""
    kinds, text = [], ""
    for char in code:
        inside = any(kind == "other" for kind in kinds)
        if char == "{":
            space = NAMESPACE.search(text)
            if not inside and space:
                kinds.append("local" if not space.group(1) else "named")
                text = ""
                continue
            if not inside:
                yield " ".join(text.split()), "local" in kinds
                text = ""
            kinds.append("other")
        elif char == "}":
            if kinds:
                kinds.pop()
            text = ""
        elif not inside and char == ";":
            if text.strip():
                yield " ".join(text.split()), "local" in kinds
            text = ""
        elif not inside:
            text += char


class Tree:
    """The sources of a tree, and which headers of it each includes, as bits of a number."""

    def __init__(self, root):
        self.root = root
        self.text = {}
        self.bit = {}             # header -> its bit
        self.mask_of_name = {}    # name -> the headers that use it
        self.program_mask = 0     # the headers of PROGRAM_FOLDERS
        self.closures = {}

    def read(self, path):
        if path not in self.text:
            self.text[path] = (self.root / path).read_text(errors="replace")
        return self.text[path]

    def closure(self, path):
        """The headers that `path` includes, also by others."""
        if path in self.closures:
            return self.closures[path]
        self.closures[path] = 0   # includes do not go round; if they did, this ends it
        mask = 0
        for include in INCLUDE.findall(self.read(path)):
            for folder in ("src", "include"):
                header = pathlib.Path(folder) / include
                if (self.root / header).is_file():
                    mask |= self.header(header) | self.closure(header)
        self.closures[path] = mask
        return mask

    def header(self, path):
        if path not in self.bit:
            self.bit[path] = 1 << len(self.bit)
            if path.parts[1] in PROGRAM_FOLDERS:
                self.program_mask |= self.bit[path]
            for name in set(NAME.findall(DIRECTIVE.sub("", blank(self.read(path))))):
                self.mask_of_name[name] = self.mask_of_name.get(name, 0) | self.bit[path]
        return self.bit[path]


def may_share(tree, one, other):
    """Whether what `one` declares for itself leaves `other` as it is."""
    (one_source, one_headers), (other_source, other_headers) = one, other
    only_others = other_headers & ~one_headers
    for name, meaning in one_source.own.items():
        if name in other_source.own and meaning and other_source.own[name] == meaning:
            continue
        if name in other_source.own or name in other_source.uses:
            return False
        if tree.mask_of_name.get(name, 0) & only_others:
            return False
    is_program = [bool(headers & tree.program_mask) for headers in (one_headers, other_headers)]
    return one_source.opened == other_source.opened and is_program[0] == is_program[1]


def pack(tree, paths):
    """Lists of paths that may share a translation unit: the first list that takes it has it."""
    groups = []
    for path in paths:
        entry = (Source(tree.read(path)), tree.closure(path))
        if entry[0].has_macros:
            continue
        for group in groups:
            if len(group) < GROUP_FILES_MAX and all(
                    may_share(tree, entry, member) and may_share(tree, member, entry)
                    for _, member in group):
                group.append((path, entry))
                break
        else:
            groups.append([(path, entry)])
    return [[path for path, _ in group] for group in groups if len(group) > 1]


def main():
    root = pathlib.Path(sys.argv[1]) if len(sys.argv) > 1 else pathlib.Path(__file__).parents[1]
    tree, programs = Tree(root), {}
    for path in tracked_files(root):
        if path.suffix == ".cpp" and path.parts[0] == "src" and path.name != "main.cpp":
            programs.setdefault((path.parent, path.name.endswith("_test.cpp")), []).append(path)
    for _, paths in sorted(programs.items()):
        for number, group in enumerate(pack(tree, paths)):
            for path in group:
                print(f"{number} {path}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
