#!/usr/bin/env python3
"""Style that a machine can check (STYLE.md says why each rule is there).

    tidy.py [ROOT]

Sizes (header 300 lines, source 600, function 70, line 100 columns), `#pragma once` and an opening
comment in headers, the own header first in a source, no tabs, no TODO without a kind, no path of
somebody's machine, a README.md in every folder of src/, and links in Markdown that lead somewhere.
Prints `file:line: what is wrong` and exits with 1, or one line and 0.
"""
import pathlib
import re
import sys

from cpp_text import blank, tracked_files

HEADER_LINES_MAX = 300
SOURCE_LINES_MAX = 600
FUNCTION_LINES_MAX = 70
COLUMNS_MAX = 100

# (file, rule): reason. A line here is a decision, not an escape.
EXCEPTIONS = {
}

CODE_SUFFIXES = {".h", ".cpp"}
TEXT_SUFFIXES = CODE_SUFFIXES | {
    ".py", ".sh", ".cmake", ".md", ".txt", ".mjs", ".js", ".ts", ".go", ".rs", ".json", ".toml",
    ".yml", ".yaml", ".in", ".service", ""}
WIDE = {".md", ".json", ".txt", ".in", ".toml", ".yml", ".yaml", ".service"}  # no column limit

# Homes and checkouts of one machine; written in two pieces so as not to find itself.
MACHINE_PATH = re.compile(r"(?<![\w.$}>/-])/(?:wo" r"rk|ro" r"ot|ho" r"me/[a-z]\w*)/[\w.]")
OPEN_WORK = re.compile(r"\b(TODO|FIXME|XXX|HACK)\b(\([a-z][a-z0-9-]*\):)?")
LINK = re.compile(r"\[[^\]\n]*\]\(([^)\s]+)(?:\s+\"[^\"]*\")?\)")
TEMPLATE = re.compile(r"\btemplate\s*<[^{]*?>(?=\s)")
NOT_A_FUNCTION = re.compile(r"(^|\s)(namespace|class|struct|enum|union|extern|concept)\s")
ACCESS = re.compile(r"^\s*(public|private|protected)\s*$")


def functions(code):
    """(first line, lines) of each function body in clang-formatted code without comments.

    A brace that follows a blank and no `=` `,` `(` opens a scope; what its statement looks like
    says whether that is a function. Scopes inside a function (loops, lambdas) count as its own.
    """
    stack, statement, statement_line, line = [], "", 1, 1
    for at, char in enumerate(code):
        if char == "\n":
            line += 1
        in_function = any(kind == "function" for kind, _ in stack)
        if char == "{":
            before = code[at - 1] if at else "\n"
            if not before.isspace() or (statement.rstrip() or ";")[-1] in "=,(":
                stack.append(("expression", 0))
                continue
            is_function = (not in_function and "(" in statement
                           and not NOT_A_FUNCTION.search(TEMPLATE.sub("", statement)))
            stack.append(("function" if is_function else "scope", statement_line))
            statement = ""
        elif char == "}":
            if not stack:
                continue  # an unbalanced preprocessor branch
            kind, first = stack.pop()
            if kind == "function":
                yield first, line - first + 1
            if kind != "expression":
                statement = ""
        elif char == ";" and not (stack and stack[-1][0] == "expression"):
            statement = ""
        elif char == ":" and ACCESS.match(statement):
            statement = ""
        else:
            if not statement.strip():
                statement, statement_line = "", line
            statement += char


class Tidy:
    def __init__(self, root):
        self.root = root
        self.faults = []
        self.names = tracked_files(root)

    def fault(self, name, line, rule, sentence):
        if (str(name), rule) not in EXCEPTIONS:
            self.faults.append(f"{name}:{line}: {rule}: {sentence}")

    def check_text(self, name, lines):
        for number, line in enumerate(lines, 1):
            if "\t" in line and name.suffix != ".go":
                self.fault(name, number, "tab", "indent with blanks")
            if name.suffix not in WIDE and len(line) > COLUMNS_MAX:
                self.fault(name, number, "columns", f"{len(line)} columns, limit {COLUMNS_MAX}")
            if MACHINE_PATH.search(line):
                self.fault(name, number, "machine path", "names a path of one machine")
            hit = OPEN_WORK.search(line)
            if hit and name.parts[0] != "tools" and name.suffix != ".md":
                if hit[1] != "TODO" or not hit[2]:
                    self.fault(name, number, "todo", "write TODO(kind): and what is to be done")

    def check_cpp(self, name, text, lines):
        limit = HEADER_LINES_MAX if name.suffix == ".h" else SOURCE_LINES_MAX
        if len(lines) > limit:
            self.fault(name, limit + 1, "file size", f"{len(lines)} lines, limit {limit}: split it")
        if name.suffix == ".h":
            if "#pragma once" not in lines:
                self.fault(name, 1, "pragma once", "a header needs `#pragma once`")
            if not text.startswith("//"):
                self.fault(name, 1, "opening", "a header opens with what it is")
        else:
            self.check_own_header_first(name, lines)
        for first, length in functions(re.sub(r"^#.*(\\\n.*)*", "", blank(text), flags=re.M)):
            if length > FUNCTION_LINES_MAX:
                self.fault(name, first, "function size",
                           f"{length} lines, limit {FUNCTION_LINES_MAX}: split it")

    def check_own_header_first(self, name, lines):
        if name.parts[0] != "src":
            return
        stem = re.sub(r"_test$", "", name.stem)
        own = pathlib.Path(*name.parts[1:-1]) / f"{stem}.h"
        includes = [line for line in lines if line.startswith("#include")]
        if (self.root / "src" / own).is_file() and includes and f'"{own}"' not in includes[0]:
            self.fault(name, 1, "own header", f'`#include "{own}"` comes first: so it is known to '
                       "compile alone")

    def check_links(self, name, text):
        in_code = False
        for number, line in enumerate(text.split("\n"), 1):
            if line.lstrip().startswith("```"):
                in_code = not in_code
            if in_code:
                continue
            for target in LINK.findall(re.sub(r"`[^`]*`", "", line)):
                if re.match(r"[a-z]+:|#", target):
                    continue
                path = (self.root / name).parent / target.split("#")[0]
                if not path.exists():
                    self.fault(name, number, "link", f"({target}) leads nowhere")

    def check_folders(self):
        folders = {name.parts[1] for name in self.names
                   if name.parts[0] == "src" and len(name.parts) > 2
                   and name.suffix in CODE_SUFFIXES}
        for folder in sorted(folders):
            if not (self.root / "src" / folder / "README.md").is_file():
                self.fault(pathlib.Path("src") / folder, 1, "readme",
                           "no README.md: what it owns, its face, what it may include")

    def run(self):
        for name in self.names:
            is_foreign = name.name in ("LICENSE", "package-lock.json", "go.sum", "Cargo.lock")
            is_corpus = name.parts[:2] == ("fuzz", "corpus")
            if name.suffix not in TEXT_SUFFIXES or is_foreign or is_corpus:
                continue
            try:
                text = (self.root / name).read_text()
            except UnicodeDecodeError:
                continue  # a binary vector
            lines = text.removesuffix("\n").split("\n")
            self.check_text(name, lines)
            if name.suffix in CODE_SUFFIXES:
                self.check_cpp(name, text, lines)
            elif name.suffix == ".md":
                self.check_links(name, text)
        self.check_folders()
        return self.faults


def main():
    root = pathlib.Path(sys.argv[1] if len(sys.argv) > 1 else pathlib.Path(__file__).parents[1])
    faults = Tidy(root).run()
    for fault in faults:
        print(fault)
    print(f"tidy: {len(faults)} faults" if faults else "tidy: nothing to tidy")
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main())
