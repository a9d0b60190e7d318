#!/usr/bin/env python3
"""Checks that the code keeps to the floors of ARCHITECTURE.md. The tables below are the rule.

    check_floors.py [ROOT]

1. A folder of src/ includes itself and lower floors; folders of one floor never each other.
2. In src/ and include/ a third party is included where it lives and nowhere else; an unknown one is
   an error. (Benchmarks, tests and foreign peers may compare with whatever they like.)
3. Below floor 6: no clocks, threads, files, real randomness, exceptions, coroutines; hash tables
   only for look-up, marked so on the line, since their order differs between builds.
4. CMakeLists.txt of a folder links what rules 1 and 2 allow, and all that the folder includes.
5. A type of a namespace has one home: two of one name are one to the linker, which takes the code
   of either for both.

Prints `file:line: what is wrong` and exits with 1, or one line and 0.
"""
import fnmatch
import pathlib
import re
import sys

from cpp_text import blank, tracked_files

FLOORS = [
    ["base"],
    ["crypto"],
    ["codec"],
    ["secure", "mux", "packet", "peer", "dht", "nat", "gossip", "consensus", "ledger", "light",
     "wallet", "compute", "chamber"],
    ["host"],
    ["node"],
    ["rt", "sim", "api", "cli"],
    ["app"],
]
FLOOR_OF = {folder: number for number, folders in enumerate(FLOORS) for folder in folders}
SHELL_FLOOR = 6  # from here up the real world is allowed

# include/kith/ is a face over app/. Its words (errors, the version) are base/'s, which hands them
# on to the node's own code.
PUBLIC_FACE_USERS = ("src/app/", "src/base/")

# (name, includes, CMake targets, where it lives: file patterns below the root)
THIRD_PARTIES = [
    ("fmt", r"fmt/", r"fmt::", ["src/base/*"]),
    # Asio's TLS, of WebSockets, is linked only: no file of rt/ names openssl/.
    ("OpenSSL's TLS", r"(?!)", r"OpenSSL::SSL", ["src/rt/web_socket.cpp"]),
    ("OpenSSL", r"openssl/", r"OpenSSL::", ["src/crypto/*.cpp"]),
    ("libsodium", r"sodium(\.h|/)", r"PkgConfig::sodium", ["src/crypto/*.cpp"]),
    ("libsecp256k1", r"secp256k1", r"PkgConfig::secp256k1", ["src/crypto/*.cpp"]),
    ("ipsec-mb", r"intel-ipsec-mb|ipsec-mb", r"PkgConfig::ipsec", ["src/crypto/*.cpp"]),
    ("protobuf", r"google/protobuf/|.*\.pb\.h$", r"protobuf::", ["src/codec/*.cpp"]),
    ("zstd", r"zstd", r"PkgConfig::zstd", ["src/codec/*.cpp"]),
    ("toml++", r"toml\+\+/|toml\.hpp", r"tomlplusplus::", ["src/node/*.cpp"]),
    ("SQLite", r"sqlite3", r"SQLite::", ["src/rt/store_*.cpp"]),
    ("RocksDB", r"rocksdb/", r"RocksDB::|PkgConfig::rocksdb", ["src/rt/store_*.cpp"]),
    ("Boost", r"boost/", r"Boost::", ["src/rt/*"]),
    ("ngtcp2", r"ngtcp2/", r"PkgConfig::(lib)?ngtcp2", ["src/rt/*"]),
    ("GnuTLS", r"gnutls/", r"GnuTLS::|PkgConfig::gnutls", ["src/rt/*"]),
    ("spdlog", r"spdlog/", r"spdlog::", ["src/rt/*"]),
    ("c-ares", r"ares(\.h|_)", r"PkgConfig::cares", ["src/rt/*"]),
    ("miniupnpc", r"miniupnpc/", r"PkgConfig::miniupnpc", ["src/rt/*"]),
    ("libnatpmp", r"natpmp", r"PkgConfig::natpmp", ["src/rt/*"]),
    ("nlohmann", r"nlohmann/", r"nlohmann_json::", ["src/api/*", "src/cli/*"]),
    ("CLI11", r"CLI/", r"CLI11::", ["src/cli/*"]),
    ("GoogleTest", r"gtest/|gmock/", r"GTest::", ["src/*/*_test*"]),
    ("rapidcheck", r"rapidcheck", r"rapidcheck", ["src/*/*_test*"]),
    ("Benchmark", r"benchmark/", r"benchmark::", ["bench/"]),
    ("threads", r"pthread\.h", r"Threads::", ["src/rt/*", "src/app/*"]),
    ("x86 intrinsics", r"immintrin\.h", r"(?!)", ["src/compute/collatz/kernel_*.cpp"]),
    ("inet_pton", r"arpa/inet\.h", r"(?!)",  # pure: the reference that codec/ip_text is tested by
     ["src/codec/*_test.cpp", "src/rt/*"]),
    ("POSIX", r"(sys|net|netinet|arpa|linux)/|(unistd|fcntl|poll|signal|termios|dirent|netdb|pwd|"
              r"dlfcn|ifaddrs|sched|spawn|syslog|grp)\.h|csignal$", r"(?!)",
     ["src/rt/*", "src/cli/*", "src/app/*"]),
    # How much of the heap is in use, for what measures memory.
    ("malloc.h", r"malloc\.h", r"(?!)",
     ["src/rt/*_test.cpp", "src/packet/*_test.cpp", "src/sim/scenario_*.cpp"]),
]

# Rules below the shells: (name, pattern over code without comments and literals, sentence).
BANS = [
    ("clock", r"\b(system|steady|high_resolution|utc|file|tai|gps)_clock\b|\bclock_gettime\b"
              r"|\bgettimeofday\b|\bstd::(time|clock|localtime)\s*\(|\blocaltime_r\b"
              r"|(?<![\w.:>])time\s*\(\s*(NULL|nullptr|0|&)",
     "reads a clock; take `now` as an argument"),
    ("thread", r"#\s*include\s*<(thread|mutex|shared_mutex|condition_variable|future|semaphore|"
               r"barrier|latch|stop_token)>|\bstd::(jthread|thread|mutex|shared_mutex|"
               r"recursive_mutex|condition_variable\w*|async|lock_guard|unique_lock|scoped_lock|"
               r"this_thread)\b|\bthread_local\b",
     "uses threads; a machine has none"),
    ("file", r"#\s*include\s*<(fstream|filesystem|iostream)>|\bstd::(filesystem|[io]?fstream)\b"
             r"|\b(fopen|freopen|tmpfile|getenv)\s*\(",
     "touches files or the environment; that is an Output to the shell"),
    ("randomness", r"#\s*include\s*<random>|\brandom_device\b|\bRAND_(priv_)?bytes\b"
                   r"|\brandombytes_\w+|\b(getrandom|getentropy|arc4random\w*)\s*\("
                   r"|(?<![\w.:>])s?rand\s*\(",
     "makes randomness; take it from the injected Rng"),
    ("exception", r"\bthrow\b|\btry\s*\{|\bcatch\s*\(",
     "throws or catches; errors are a Result"),
]
NAMESPACE = re.compile(r"namespace(?: ([\w:]+))? \{")
TYPE = re.compile(r"(?:struct|class|enum class) (\w+)(?: final)?(?: :[^;]*)? \{")
COROUTINE = re.compile(r"\bco_(await|return|yield)\b|#\s*include\s*<coroutine>")
UNORDERED = re.compile(r"\bstd::unordered_(map|set|multimap|multiset)\b")
LOOKUP_ONLY = "// lookup only"

# (file, rule): reason. A line here is a decision, not an escape.
EXCEPTIONS = {
}

INCLUDE = re.compile(r'^\s*#\s*include\s*(["<])([^">]+)[">]')
# The C++ library's headers have neither dot nor slash; these are C's, in their C++-tolerated form.
C_HEADERS = {"assert.h", "ctype.h", "errno.h", "inttypes.h", "limits.h", "math.h", "stddef.h",
             "stdint.h", "stdio.h", "stdlib.h", "string.h", "time.h"}


def is_test(name):
    """thing_test.cpp, and what tests share: golden_test_util.h, key_test_vectors.h."""
    return re.search(r"_test(_\w+)?$", name.stem) is not None


def may_include(folder, other):
    return folder == other or FLOOR_OF[other] < FLOOR_OF[folder]


def third_party_of(include):
    for row in THIRD_PARTIES:
        if re.match(row[1], include):
            return row
    return None


def lives_in(name, patterns):
    return any(fnmatch.fnmatch(str(name), pattern) for pattern in patterns)


class Checker:
    def __init__(self, root):
        self.root = root
        self.faults = []
        self.used_folders = {}  # folder -> {folder it includes: "file:line"}
        self.types = {}  # with its namespace -> "file:line"

    def fault(self, name, line, rule, sentence):
        if (str(name), rule) not in EXCEPTIONS:
            self.faults.append(f"{name}:{line}: {rule}: {sentence}")

    def check_include(self, name, folder, line, quoted, include):
        if quoted:
            self.check_own_include(name, folder, line, include)
        elif name.parts[0] not in ("src", "include"):
            return
        elif third_party := third_party_of(include):
            if not lives_in(name, third_party[3]):
                self.fault(name, line, "third party", f"<{include}>: {third_party[0]} lives in "
                           f"{', '.join(third_party[3])}")
        elif include.startswith("kith/"):
            self.check_own_include(name, folder, line, include)
        elif ("." in include or "/" in include) and include not in C_HEADERS:
            self.fault(name, line, "third party",
                       f"<{include}> has no home in the table of tools/check_floors.py")

    def check_own_include(self, name, folder, line, include):
        other = include.split("/")[0]
        if other == "kith":
            if folder and not str(name).startswith(PUBLIC_FACE_USERS):
                self.fault(name, line, "floor", f'"{include}": public face is for app/, base/')
        elif name.parts[0] == "include":
            self.fault(name, line, "floor", f'"{include}": the public face names only kith/')
        elif folder is None:
            pass  # tests/, fuzz/, bench/ may look anywhere
        elif "/" not in include:
            self.fault(name, line, "floor", f'"{include}" is not rooted at src/')
        elif other not in FLOOR_OF:
            self.fault(name, line, "floor", f'"{include}": no folder {other}/ in the floors table')
        elif not may_include(folder, other):
            way = "sideways" if FLOOR_OF[other] == FLOOR_OF[folder] else "upwards"
            self.fault(name, line, "floor", f'"{include}": {folder}/ (floor {FLOOR_OF[folder]}) '
                       f"includes {way} from {other}/ (floor {FLOOR_OF[other]})")
        else:
            self.used_folders.setdefault(folder, {}).setdefault(other, f"{name}:{line}")

    def check_types(self, name, text):
        spaces = []  # "" for one without a name
        for number, line in enumerate(text.splitlines(), 1):
            if hit := NAMESPACE.match(line):
                spaces.append(hit.group(1) or "")
            elif line.startswith("}  // namespace") and spaces:
                spaces.pop()
            elif (hit := TYPE.match(line)) and "" not in spaces:
                place = f"{name}:{number}"
                whole = "::".join([*spaces, hit.group(1)])
                if self.types.setdefault(whole, place) != place:
                    self.fault(name, number, "type", f"{whole} is at {self.types[whole]} too")

    def check_bans(self, name, folder, line, code, raw):
        if folder != "rt" and COROUTINE.search(code):
            self.fault(name, line, "coroutine", "coroutines live in rt/ only")
        if FLOOR_OF[folder] >= SHELL_FLOOR:
            return
        for rule, pattern, sentence in BANS:
            if rule == "file" and is_test(name):
                continue  # tests read golden vectors
            if re.search(pattern, code):
                self.fault(name, line, rule, sentence)
        if UNORDERED.search(code) and LOOKUP_ONLY not in raw:
            self.fault(name, line, "order", "a hash table's order differs between builds: use a "
                       f"map or a sorted vector, or say `{LOOKUP_ONLY}` on this line")

    def check_source(self, name):
        in_src = name.parts[0] == "src" and len(name.parts) > 2
        folder = name.parts[1] if in_src else None
        if in_src and folder not in FLOOR_OF:
            self.fault(name, 1, "floor", f"src/{folder}/ is not in the floors table")
            return
        text = (self.root / name).read_text(errors="replace")
        if in_src:
            self.check_types(name, text)
        raw_lines, code_lines = text.split("\n"), blank(text).split("\n")
        for number, (raw, code) in enumerate(zip(raw_lines, code_lines), 1):
            if code.lstrip().startswith("#") and (hit := INCLUDE.match(raw)):
                self.check_include(name, folder, number, hit[1] == '"', hit[2])
            if in_src:
                self.check_bans(name, folder, number, code, raw)

    def check_cmake(self, name):
        """kith_folder(...) of one folder; returns its DEPS."""
        folder = name.parts[1]
        text = re.sub(r"#[^\n]*", "", (self.root / name).read_text())
        call = re.search(r"kith_folder\(([^)]*)\)", text)
        if not call:
            return None
        words = call[1].split()
        lists = {"NAME": [], "DEPS": [], "PRIVATE": [], "PUBLIC": [], "PRECOMPILED": [],
                 "PRECOMPILED_TESTS": []}
        key = "NAME"
        for word in words:
            if word in lists:
                key = word
            else:
                lists[key].append(word)
        if lists["NAME"] != [folder]:
            self.fault(name, 1, "cmake", f"kith_folder({' '.join(lists['NAME'])}) in src/{folder}/")
        for other in lists["DEPS"]:
            if other not in FLOOR_OF:
                self.fault(name, 1, "cmake", f"DEPS {other}: not in the floors table")
            elif other == folder or not may_include(folder, other):
                self.fault(name, 1, "cmake", f"DEPS {other}: not below {folder}/")
        for target in lists["PRIVATE"] + lists["PUBLIC"]:
            row = next((row for row in THIRD_PARTIES if re.match(row[2], target)), None)
            if row is None:
                self.fault(name, 1, "cmake", f"{target} has no home in the table")
            elif not any(home.startswith((f"src/{folder}/", "src/*/")) for home in row[3]):
                self.fault(name, 1, "cmake", f"{target}: {row[0]} lives in {', '.join(row[3])}")
        return lists["DEPS"]

    def check_links(self, deps):
        """What a folder includes, it must link, itself or through what it links."""
        def reach(folder, seen):
            for other in deps.get(folder) or []:
                if other not in seen:
                    seen.add(other)
                    reach(other, seen)
            return seen
        for folder, used in self.used_folders.items():
            if deps.get(folder) is None:
                continue
            linked = reach(folder, {folder})
            for other, place in used.items():
                if other not in linked:
                    file, line = place.rsplit(":", 1)
                    self.fault(file, line, "cmake",
                               f"{folder}/ includes {other}/ but src/{folder}/CMakeLists.txt does "
                               "not link it")

    def run(self):
        deps = {}
        for name in sorted(tracked_files(self.root)):
            if name.suffix in (".h", ".cpp"):
                self.check_source(name)
            elif name.name == "CMakeLists.txt" and name.parts[0] == "src" and len(name.parts) == 3:
                deps[name.parts[1]] = self.check_cmake(name)
        self.check_links(deps)
        return self.faults


def main():
    root = pathlib.Path(sys.argv[1] if len(sys.argv) > 1 else pathlib.Path(__file__).parents[1])
    faults = Checker(root).run()
    for fault in faults:
        print(fault)
    print(f"check_floors: {len(faults)} faults" if faults else "check_floors: the floors hold")
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main())
