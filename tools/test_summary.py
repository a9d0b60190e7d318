#!/usr/bin/env python3
"""Adds up test results: JUnit files that ctest wrote, and plain result lines in logs.

    test_summary.py [--failed WHAT]... RESULT...

RESULT is a JUnit file (*.xml) or a log whose last line of the form `N passed, N failed, N skipped`
counts. Names what failed on stderr and prints the summed plain line on stdout. A RESULT that is
missing or damaged is a failure, and so is no test at all: a run that died or matched nothing must
not look like one that passed. --failed names one more failure, for what is not a test (a build).
Exit code 0 without failures, 1 with.
"""
import argparse
import pathlib
import re
import sys
import xml.etree.ElementTree as ElementTree

PLAIN_LINE = re.compile(r"^(\d+) passed, (\d+) failed, (\d+) skipped$")


def count_junit(path):
    """(passed, failed names, skipped) of one JUnit file."""
    passed, failed, skipped = 0, [], 0
    for case in ElementTree.parse(path).getroot().iter("testcase"):
        status = case.get("status")
        if case.find("failure") is not None or case.find("error") is not None or status == "fail":
            failed.append(case.get("name"))
        elif case.find("skipped") is not None or status in ("notrun", "disabled"):
            # ctest marks a program that was never built as not run: that is no skip.
            if case.get("name").endswith("_NOT_BUILT"):
                failed.append(case.get("name"))
            else:
                skipped += 1
        else:
            passed += 1
    return passed, failed, skipped


def count_log(path):
    lines = [PLAIN_LINE.match(line) for line in path.read_text(errors="replace").splitlines()]
    found = [line for line in lines if line]
    if not found:
        raise ValueError("no line `N passed, N failed, N skipped`")
    passed, failed, skipped = (int(number) for number in found[-1].groups())
    return passed, [f"{failed} in {path}"] * failed, skipped


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--failed", action="append", default=[])
    parser.add_argument("results", nargs="*", type=pathlib.Path)
    arguments = parser.parse_args()

    passed, skipped, failed = 0, 0, list(arguments.failed)
    for path in arguments.results:
        try:
            counted = count_junit(path) if path.suffix == ".xml" else count_log(path)
        except (OSError, ElementTree.ParseError, ValueError) as error:
            failed.append(f"{path}: no results ({error})")
            continue
        passed += counted[0]
        failed += counted[1]
        skipped += counted[2]

    if passed + len(failed) + skipped == 0:
        failed.append("no test ran: does the regular expression match a name?")
    for name in failed:
        print(f"FAILED {name}", file=sys.stderr)
    print(f"{passed} passed, {len(failed)} failed, {skipped} skipped")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
