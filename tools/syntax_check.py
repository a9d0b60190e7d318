#!/usr/bin/env python3
"""Compiles files for their syntax only, in parallel, and remembers what passed.

    syntax_check.py --headers [-j N]           headers of src/ and include/ alone, clang-19
    syntax_check.py --second-compiler [-j N]   sources of floors 0 to 5 with g++-12, warning-free

A header whose own source is among the latter is compiled there: it comes first in that source
(tools/tidy.py sees to it), before anything that it could lean on.

Neither uses the precompiled header, so a file that leans on it for an include fails here.

A file that passed is skipped until it, a file of this tree that it includes, the compiler or the
flags change; build/lint/ holds the memory and may be removed at any time.
"""
import argparse
import concurrent.futures
import hashlib
import json
import pathlib
import re
import subprocess
import sys

from check_floors import FLOOR_OF, SHELL_FLOOR, is_test
from cpp_text import tracked_files

ROOT = pathlib.Path(__file__).resolve().parents[1]
INCLUDE = re.compile(r'^\s*#\s*include\s*["<]([^">]+)[">]', re.MULTILINE)
COMMON = ["-std=c++23", "-fsyntax-only", "-Isrc", "-Iinclude", "-Wall", "-Wextra", "-Werror",
          f'-DKITH_SOURCE_DIR="{ROOT}"']
HEADER_COMMAND = ["clang++-19", *COMMON, "-Wno-pragma-once-outside-header", "-Wno-unused-function",
                  "-Wno-unused-const-variable", "-xc++"]
# clang's own pragmas and attributes are not warnings worth having twice.
SECOND_COMMAND = ["g++-12", *COMMON, "-Wno-unknown-pragmas", "-Wno-attributes"]


def closure(path, seen):
    """The files of this tree that `path` includes, itself too."""
    if path in seen:
        return seen
    seen[path] = path.read_bytes()
    for include in INCLUDE.findall(seen[path].decode(errors="replace")):
        for folder in ("src", "include"):
            if (ROOT / folder / include).is_file():
                closure(ROOT / folder / include, seen)
    return seen


def key_of(path, command):
    digest = hashlib.sha256(" ".join(command).encode())
    for name, content in sorted(closure(path, {}).items()):
        digest.update(f"{name.relative_to(ROOT)}\0".encode() + content)
    return digest.hexdigest()


def is_for_second(name):
    folder = name.parts[1] if len(name.parts) > 2 else ""
    return (name.parts[0] == "src" and name.suffix == ".cpp" and not is_test(name)
            and FLOOR_OF.get(folder, SHELL_FLOOR) < SHELL_FLOOR)


def files_for(mode):
    names = tracked_files(ROOT)
    second = [name for name in names if is_for_second(name)]
    if mode == "second":
        return second
    begun_with = {name.with_suffix(".h") for name in second}
    return [name for name in names if name.suffix == ".h" and name.parts[0] in ("src", "include")
            and name not in begun_with]


def main():
    parser = argparse.ArgumentParser()
    modes = parser.add_mutually_exclusive_group(required=True)
    modes.add_argument("--headers", action="store_const", const="headers", dest="mode")
    modes.add_argument("--second-compiler", action="store_const", const="second", dest="mode")
    parser.add_argument("-j", type=int, default=2)
    arguments = parser.parse_args()

    base = HEADER_COMMAND if arguments.mode == "headers" else SECOND_COMMAND
    compiler = subprocess.run([base[0], "--version"], capture_output=True, text=True, check=True)
    keyed_command = [*base, compiler.stdout.splitlines()[0]]
    memory = ROOT / "build" / "lint" / f"{arguments.mode}.json"
    known = set(json.loads(memory.read_text())) if memory.exists() else set()

    keys = {name: key_of(ROOT / name, keyed_command) for name in files_for(arguments.mode)}
    todo = [name for name, key in keys.items() if key not in known]

    def compile_one(name):
        return name, subprocess.run([*base, str(name)], cwd=ROOT, capture_output=True, text=True,
                                    check=False)

    failed = []
    passed = {key for key in keys.values() if key in known}
    memory.parent.mkdir(parents=True, exist_ok=True)
    with concurrent.futures.ThreadPoolExecutor(arguments.j) as pool:
        for name, outcome in pool.map(compile_one, todo):
            if outcome.returncode != 0:
                failed.append(name)
                print(f"{name}: does not pass {base[0]}\n{outcome.stderr}")
            else:
                passed.add(keys[name])
                memory.write_text(json.dumps(sorted(passed)))  # each time: a stop loses nothing
    print(f"syntax_check {arguments.mode}: {len(keys)} files, {len(todo)} compiled, "
          f"{len(failed)} failed")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
