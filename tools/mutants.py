#!/usr/bin/env python3
"""Mutants of the consensus rules: each must be killed by the scenarios within a minute.

    mutants.py [--only NUMBER...] [-j JOBS]

A mutant is the source with one rule broken (the table below: file, text, replacement). It is made
in a copy under build/mutants, where only the changed sources are compiled; then the tests of engine
clusters run, and after them a minute of random weather (tests/scenario/cluster_check.cpp). The
first failure kills it. The unchanged source runs first and must live, or nothing here says much.
Prints a table; exit code 1 when a mutant lives.
"""
import argparse
import concurrent.futures
import json
import os
import pathlib
import re
import shutil
import subprocess
import sys
import time

ROOT = pathlib.Path(__file__).resolve().parent.parent
PLACE = ROOT / "build/mutants"
SECONDS = 60  # of weather
KILLED_WITHIN_S = 60

GUARD, VOTES = "src/consensus/guard.cpp", "src/consensus/view_votes.cpp"
HEAR, RULES = "src/consensus/engine_hear.cpp", "src/consensus/engine_rules.cpp"
BLOCKS, FINAL = "src/consensus/engine_blocks.cpp", "src/consensus/engine_final.cpp"
ENGINE, EPOCHS = "src/consensus/engine.cpp", "src/consensus/consensus.cpp"
MEMORY, SILENCE = "src/consensus/engine_memory.cpp", "src/consensus/silence.cpp"

# (what is broken, (file, text, replacement)...). What stands in two places is broken in both.
MUTANTS = [
    ("G1: notarizes a second proposal",
     (GUARD, "if (before.notarize && *before.notarize != statement.subject) {", "if (false) {"),
     (BLOCKS, "if (guard_.notarized(view_) || guard_.nullified(view_)) return;",
      "if (guard_.nullified(view_)) return;")),
    # The engine leaves a view before it finalizes in it, so that only both together show.
    ("G2: nullifies what it finalized, in views that a notarization does not end",
     (GUARD, 'if (before.finalize) return refuse("G2"', 'if (false) return refuse("G2"'),
     (RULES, "if (!is_notarized && state.nullification == nullptr) continue;",
      "if (state.nullification == nullptr) continue;")),
    ("G3: finalizes what it nullified",
     (GUARD, 'if (before.nullify) return refuse("G3"', 'if (false) return refuse("G3"')),
    ("G3: finalizes what it did not notarize",
     (GUARD, "if (before.notarize != statement.subject) {", "if (false) {")),
    ("the guard forgets nullifications",
     (GUARD, "case VoteKind::nullify: now.nullify = true; break;",
      "case VoteKind::nullify: break;")),
    ("the guard is not told what was said before a crash",
     (FINAL, "guard_.restore(statement);", "")),
    ("a quorum is two thirds, not more",
     (VOTES, "if (tally.weight >= validators.quorum()",
      "if (tally.weight + 1 >= validators.quorum()")),
    ("a quorum needs one more",
     (VOTES, "if (tally.weight >= validators.quorum()", "if (tally.weight > validators.quorum()")),
    ("validators are counted, not weighed",
     (VOTES, "tally.weight += validators.at(vote.signer).weight;", "tally.weight += 1;")),
    ("a vote counts each time it is heard",
     (VOTES, "if (votes_[at].statement == vote.statement) return false;", "")),
    ("signatures are not checked",
     (HEAR, "std::ranges::all_of(answer.valid, [](bool valid) { return valid; })", "true")),
    ("certificates need no quorum",
     (HEAR, "if (auto formed = check_form(certificate, context_.validators); !formed) {",
      "if (auto formed = check_form(certificate, context_.validators); false) {")),
    ("A2: views are jumped over without nullifications",
     (HEAR, "  TRY_VOID(check_form(justification, context_.epoch, statement.view(), "
      "statement.subject.parent,\n                      message.anew ? message.block->digest() : "
      "header.parent));\n", "  (void)statement;\n  (void)header;\n")),
    ("A4: any height", (BLOCKS, "if (header.height != next(parent.height))", "if (false)")),
    ("A4: any date after its parent's, however far", (BLOCKS, "if (header.time > latest) {",
                                                     "if (false) {")),
    ("A4: dated before its parent", (BLOCKS, "if (header.time <= parent.time)", "if (false)")),
    ("A4: other validators",
     (BLOCKS, "if (header.validators_root != context_.validators.root())", "if (false)")),
    ("A4: other parameters", (BLOCKS, "if (header.params_hash != context_.params_hash)",
                              "if (false)")),
    ("A4: next validators in the middle of an epoch",
     (BLOCKS, "if (is_last(header.height) == (header.next_validators_root == Hash{})) {",
      "if (false) {")),
    ("A4: a block that the application calls wrong",
     (BLOCKS, "entry->state = verdict ? BlockPool::State::good : BlockPool::State::bad;",
      "entry->state = BlockPool::State::good;")),
    ("a block after the last of an epoch",
     (BLOCKS, 'if (is_last(parent.height)) return wrong("it follows',
      'if (false) return wrong("it follows'),
     (BLOCKS, "  if (is_last(before.height)) {", "  if (false) {")),
    ("R2: an epoch's last block is not proposed again",
     (BLOCKS, "  if (is_last(before.height)) {",
      "  if (is_last(before.height)) return;\n  if (false) {")),
    ("R4: nobody finalizes", (RULES, "if (guard_.would_approve(statement, true)) vote(statement);",
                              "")),
    ("R5: a nullified view is not left",
     (RULES, "if (!is_notarized && state.nullification == nullptr) continue;",
      "if (!is_notarized) continue;")),
    ("R6: children are committed before their parents",
     (FINAL, "  std::ranges::reverse(chain);\n", "")),
    ("R7: views have no end",
     (ENGINE, "if (is_leader_late || is_view_late) nullify(view_);", "")),
    ("R7: no timer for the view", (RULES, "  view_timeout_ = now + pace + 3 * delta();\n",
                                   "  view_timeout_ = std::nullopt;\n")),
    ("R8: nothing is said again",
     (ENGINE, "if (is_due(standstill_at_)) on_standstill(now);", "(void)is_due(standstill_at_);")),
    ("R10: timeouts do not grow",
     (RULES, "for (std::uint64_t i = 1; i < unfinished && delta", "for (std::uint64_t i = 1; false "
      "&& i < unfinished && delta")),
    ("R1: who stays away is waited for",
     (RULES, "return heard >= context_.validators.quorum();", "return false;")),
    ("R1: leaders are skipped without a quorum's word",
     (RULES, "if (now - last_heard_[leader] < silence) return false;", "")),
    ("votes are said before they are durable",
     (RULES, "  log_record(OwnVote{vote});\n",
      "  log_record(OwnVote{vote});\n  broadcast(vote);\n")),
    ("proposals are said before they are durable",
     (RULES, "    log_record(OwnProposal{message});\n",
      "    log_record(OwnProposal{message});\n    broadcast(message);\n")),
    ("own votes are not logged", (RULES, "  log_record(OwnVote{vote});\n", "")),
    ("own proposals are not logged", (RULES, "    log_record(OwnProposal{message});\n", "")),
    ("notarized blocks are not logged",
     (RULES, "      log_record(HeldBlock{entry->block});\n", "")),
    ("a log that begins anew forgets own votes",
     (FINAL, "for (const Vote& vote : own_votes_) records.push_back(encode(OwnVote{vote}));", "")),
    ("a log that begins anew forgets what is under way to it",
     (FINAL, "  for (const auto& [token, durable] : logging_) {\n    for",
      "  for (const auto& [token, durable] : decltype(logging_){}) {\n    for")),
    ("who lost its log votes nevertheless",
     (EPOCHS, "if (key_ && may_vote) me =", "if (key_) me =")),
    ("nobody is silent after a start",
     (EPOCHS, "const bool is_silent = !engine_ || engine_->is_silent();",
      "const bool is_silent = false;")),
    ("the silence ends with the epoch",
     (EPOCHS, "const bool is_silent = !engine_ || engine_->is_silent();",
      "const bool is_silent = !engine_;")),
    ("what the others remember is not looked at",
     (MEMORY,
      "if (!guard_.remembers(vote.statement)) return become_stale(of_vote(vote.statement));",
      "(void)vote;")),
    ("nobody tells what it remembers",
     (MEMORY, "memory.votes = votes_of(request.validator, above);", "(void)above;")),
    ("the slowest answer is not waited for",
     (SILENCE, "if (answered_.size() + 1 < validators.size() && now < *ends_at_) return false;",
      "")),
    ("it asks once",
     (ENGINE, "if (silence_.ask_at() && now >= *silence_.ask_at()) ask_memory(now);", "")),
    ("answers of the epoch before are taken",
     (ENGINE, "last_token_(context_.epoch.value << 32)", "last_token_(0)")),
    ("signatures of the epoch before are said",
     (RULES, "if (given.statement.epoch != context_.epoch) return;", "")),
    ("lies are not reported",
     (VOTES, "added.evidence = evidence_of(vote, validators);", "")),
    ("a nullified view with a notarization counts as a fork",
     (RULES, "case VoteKind::nullify: return state->finalization;",
      "case VoteKind::nullify: return state->notarization;")),
    ("blocks at once, whatever the interval",
     (BLOCKS, "return std::clamp(now + ahead + interval, earliest, latest);", "return now;")),
    ("who is a little behind does not call for sync",
     (BLOCKS, "is_in_vain && at != views_.rend()", "false && at != views_.rend()")),
]

TESTS = ["engine_cluster_test", "engine_cluster_time_test", "cluster_liars_test",
         "cluster_stale_test"]
FLAGS = ["-DFMT_SHARED", "-Isrc", "-Iinclude", "-std=c++23", "-O1", "-include", "cmake/pch.h"]
LIBRARIES = ["build/release/src/codec/libkith_codec.a", "build/release/src/crypto/libkith_crypto.a",
             "build/release/src/base/libkith_base.a"]
LINK = ["-fuse-ld=mold", "-lgtest", "-lfmt", "-lsodium", "-lcrypto", "-lssl", "-lsecp256k1",
        "-lzstd", "-pthread"]


def compile_one(tree, source, out):
    command = ["ccache"] if shutil.which("ccache") else []
    # Of a header all that include it are compiled anew: ccache knows which they are.
    environment = dict(os.environ, CCACHE_BASEDIR=str(tree), CCACHE_NOHASHDIR="1")
    command += ["clang++-19", *FLAGS, "-c", source, "-o", str(out)]
    done = subprocess.run(command, cwd=tree, env=environment, capture_output=True, text=True)
    return "" if done.returncode == 0 else done.stderr


def build(tree, changed, out, base, jobs):
    """Objects of `tree` in `out`; those not in `changed` are taken from `base`. Returns errors."""
    out.mkdir(parents=True, exist_ok=True)
    sources = [str(path.relative_to(tree)) for pattern in
               ("src/consensus/*.cpp", "src/sim/engine_cluster*.cpp", "src/sim/cluster_*.cpp")
               for path in sorted(tree.glob(pattern))]
    sources = [s for s in sources if not s.endswith("_test.cpp")]
    programs = [f"src/sim/{name}.cpp" for name in TESTS] + ["tests/scenario/cluster_check.cpp"]
    objects, work = {}, []
    for source in sources + programs:
        if base is not None and source not in changed:
            objects[source] = base / (source.replace("/", "_") + ".o")
            continue
        objects[source] = out / (source.replace("/", "_") + ".o")
        work.append(source)
    with concurrent.futures.ThreadPoolExecutor(jobs) as pool:
        for error in pool.map(lambda s: compile_one(tree, s, objects[s]), work):
            if error:
                return error
    common = [str(objects[s]) for s in sources]
    tests = [str(objects[f"src/sim/{name}.cpp"]) for name in TESTS]
    for name, own in (("tests", tests + ["-lgtest_main"]),
                      ("check", [str(objects["tests/scenario/cluster_check.cpp"])])):
        libraries = [str(ROOT / library) for library in LIBRARIES]
        done = subprocess.run(["clang++-19", *own, *common, *libraries, *LINK, "-o",
                               str(out / name)], capture_output=True, text=True)
        if done.returncode != 0:
            return done.stderr
    return ""


def run(out):
    """What kills it, or empty; and how long that took."""
    started = time.monotonic()
    for command in (["./tests", "--gtest_fail_fast", "--gtest_brief=1"],
                    ["./check", "swarm", "1", "1000000", str(SECONDS)]):
        try:
            done = subprocess.run(command, cwd=out, capture_output=True, text=True,
                                  timeout=3 * SECONDS)
        except subprocess.TimeoutExpired:
            return "it never ends", time.monotonic() - started
        if done.returncode != 0:
            text = done.stdout + done.stderr
            named = (re.search(r"\[  FAILED  \] ([\w./]+)", text) or
                     re.search(r"(assertion failed.*)", text) or re.search(r"(seed \d+)", text))
            return named.group(1) if named else f"exit code {done.returncode}", \
                time.monotonic() - started
    return "", time.monotonic() - started


def mutate(tree, edits):
    changed = []
    for name, text, replacement in edits:
        path = tree / name
        source = path.read_text()
        if source.count(text) != 1:
            return None, f"{name}: the text stands there {source.count(text)} times: {text}"
        path.write_text(source.replace(text, replacement))
        changed.append(name)
    return changed, ""


def one(number, jobs):
    name, *edits = MUTANTS[number]
    tree, out = PLACE / f"tree{number}", PLACE / f"out{number}"
    shutil.copytree(PLACE / "tree", tree, dirs_exist_ok=True)
    try:
        changed, error = mutate(tree, edits)
        if error:
            return number, "STALE", error, 0.0
        error = build(tree, changed, out, PLACE / "out", jobs)
        if error:
            return number, "BROKEN", error[:600], 0.0
        killer, seconds = run(out)
        state = "SLOW" if killer and seconds > KILLED_WITHIN_S else "killed" if killer else "ALIVE"
        return number, state, killer, seconds
    finally:
        shutil.rmtree(tree, ignore_errors=True)
        shutil.rmtree(out, ignore_errors=True)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--only", type=int, nargs="*")
    parser.add_argument("-j", type=int, default=os.cpu_count())
    options = parser.parse_args()
    shutil.rmtree(PLACE, ignore_errors=True)
    for folder in ("src", "include", "cmake", "tests/scenario"):
        shutil.copytree(ROOT / folder, PLACE / "tree" / folder)
    error = build(PLACE / "tree", None, PLACE / "out", None, options.j)
    if error:
        sys.exit(f"mutants: the source as it is does not build:\n{error}")
    killer, seconds = run(PLACE / "out")
    if killer:
        sys.exit(f"mutants: the source as it is fails: {killer}")
    print(f"the source as it is: lives, {seconds:.0f} s", flush=True)
    numbers = options.only if options.only else range(len(MUTANTS))
    results = []
    with concurrent.futures.ThreadPoolExecutor(options.j) as pool:
        for number, state, what, seconds in pool.map(lambda n: one(n, 1), numbers):
            results.append(state)
            name = MUTANTS[number][0]
            print(f"{number:3} {state:7} {seconds:5.1f} s  {name}: {what}", flush=True)
    print(f"{results.count('killed')} of {len(results)} mutants killed")
    sys.exit(0 if results.count("killed") == len(results) else 1)


if __name__ == "__main__":
    main()
