#!/usr/bin/env python3
"""unity_groups.py must keep apart what cannot be one translation unit, and join what can."""
import pathlib
import tempfile
import unittest

from unity_groups import Tree, pack


def source(body, includes=()):
    lines = "".join(f'#include "{name}"\n' for name in includes)
    return f"{lines}namespace kith::base {{\nnamespace {{\n{body}\n}}\n}}\n"


FREE = source("int other() { return 1; }")
# What the first file declares for itself against a second one, and whether they may be together.
PAIRS = [
    ("int helper() { return 1; }", FREE, True),
    ("int helper() { return 1; }", source("int helper() { return 2; }"), False),
    ("constexpr int limit = 1;", source("int f(int limit) { return limit; }"), False),
    ("struct Fixture {\n  int x;\n};", source("class Fixture {};"), False),
    ("enum class Kind { a };", source("int f() { return int(Kind::b); }"), False),
    ("int at;", source("int f(S s) { return s.at; }"), True),
    ("using test::hash_of;", source("using test::hash_of;"), True),
    ("using test::hash_of;", source("using other::hash_of;"), False),
    ("using namespace test;", FREE, False),
    ("int word() { return 1; }", source("// word\nint f() { return 2; }"), True),
    ("int seen;", source("int f();", ["base/seen.h"]), False),
    ("int f();\n#define X 1", FREE, False),
    ("int f();", source("int g();", ["cli/args.h"]), False),
]


class Packing(unittest.TestCase):
    def test_pairs(self):
        for body, other, is_together in PAIRS:
            with self.subTest(body=body, other=other), tempfile.TemporaryDirectory() as place:
                root = pathlib.Path(place)
                files = {"src/base/a.cpp": source(body), "src/base/b.cpp": other,
                         "src/base/seen.h": "int seen();\n", "src/cli/args.h": "struct Args;\n"}
                for name, text in files.items():
                    (root / name).parent.mkdir(parents=True, exist_ok=True)
                    (root / name).write_text(text)
                paths = [pathlib.Path("src/base/a.cpp"), pathlib.Path("src/base/b.cpp")]
                self.assertEqual(pack(Tree(root), paths), [paths] if is_together else [])

    def test_groups_are_of_bounded_size(self):
        with tempfile.TemporaryDirectory() as place:
            root = pathlib.Path(place)
            (root / "src/base").mkdir(parents=True)
            paths = [pathlib.Path(f"src/base/f{n:02}.cpp") for n in range(20)]
            for path in paths:
                (root / path).write_text(source(f"int {path.stem}_local() {{ return 1; }}"))
            self.assertEqual([len(group) for group in pack(Tree(root), paths)], [8, 8, 4])


if __name__ == "__main__":
    unittest.main()
