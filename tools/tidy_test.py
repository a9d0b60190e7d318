#!/usr/bin/env python3
"""tidy.py must find each fault of a bad tree, nothing in a good one, and measure functions."""
import pathlib
import sys
import tempfile
import unittest

from tidy import Tidy, functions

HEADER = "// What it is.\n#pragma once\n"
GOOD = {
    "src/base/README.md": "# base\n[up](../../README.md) `[not](a link)`\n",
    "src/base/a.h": HEADER,
    "src/base/a.cpp": '#include "base/a.h"\n// TODO(perf): measure\nint x;\n',
    "README.md": "# Kith\n[web](https://example.org) [a](#kith) [b](src/base/README.md#base)\n",
}
BAD = [
    ("src/base/b.h", "#pragma once\n", "opening"),
    ("src/base/b.h", "// What.\nint x;\n", "pragma once"),
    ("src/base/b.h", HEADER + "//\n" * 299, "file size"),
    ("src/base/b.cpp", "int x;\n" * 601, "file size"),
    ("src/base/b.cpp", "// " + "x" * 98 + "\n", "columns"),
    ("src/base/b.cpp", "int\tx;\n", "tab"),
    ("src/base/b.cpp", "// TODO: later\n", "todo"),
    ("src/base/b.cpp", "// FIXME(now): later\n", "todo"),
    ("src/base/b.cpp", 'auto x = "/ro' 'ot/x";\n', "machine path"),
    ("src/base/a.cpp", '#include <vector>\n#include "base/a.h"\n', "own header"),
    ("src/base/b.cpp", "void f() {\n" + "  g();\n" * 69 + "}\n", "function size"),
    ("src/mux/b.cpp", "int x;\n", "readme"),
    ("docs/b.md", "[gone](nowhere.md)\n", "link"),
]

FUNCTIONS = """
namespace a {
class C : public B {
 public:
  explicit C(int x)
      : x_{x}, y_(x) {
    g();
  }
  int get() const { return x_; }
  std::vector<int> v_ = {1, 2};
};
template <class T>
  requires(sizeof(T) > 1)
struct S {
  int x;
};
void f(
    int x) {
  auto g = [&](int y) {
    return y;
  };
  for (int i = 0; i < x; ++i) {
    g(i);
  }
}
}
"""


def faults_of(files):
    with tempfile.TemporaryDirectory() as place:
        root = pathlib.Path(place)
        for name, content in files.items():
            (root / name).parent.mkdir(parents=True, exist_ok=True)
            (root / name).write_text(content)
        return Tidy(root).run()


class TidyTest(unittest.TestCase):
    def test_good_tree_has_no_fault(self):
        self.assertEqual(faults_of(GOOD), [])

    def test_each_fault_is_found(self):
        for name, content, rule in BAD:
            with self.subTest(name=name, rule=rule):
                faults = faults_of({**GOOD, name: content})
                self.assertEqual(len(faults), 1, faults)
                self.assertIn(f": {rule}: ", faults[0])

    def test_functions_are_measured(self):
        self.assertEqual([length for _, length in functions(FUNCTIONS)], [4, 1, 9])


if __name__ == "__main__":
    unittest.main(argv=[sys.argv[0], "--quiet"])
