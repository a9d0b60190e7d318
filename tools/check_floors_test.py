#!/usr/bin/env python3
"""check_floors.py must find each fault of a bad tree and nothing in a good one."""
import pathlib
import sys
import tempfile
import unittest

from check_floors import Checker

GOOD = {
    "src/base/CMakeLists.txt": "kith_folder(base PUBLIC fmt::fmt)\n",
    "src/base/log.h": "#pragma once\n#include <fmt/core.h>\n#include <cstdint>\n",
    "src/crypto/CMakeLists.txt": "kith_folder(crypto DEPS base PRIVATE OpenSSL::Crypto)\n",
    "src/crypto/hash.cpp": '#include "base/log.h"\n#include <openssl/evp.h>\n',
    "src/crypto/hash.h":
        "namespace kith::crypto {\nstruct Hash {\n};\n}  // namespace kith::crypto\n",
    "src/secure/CMakeLists.txt": "kith_folder(secure DEPS base crypto)\n",
    "src/secure/hash.cpp":
        "struct Hash;\nnamespace kith::secure {\nstruct Hash {\n};\nnamespace {\nclass Hash {\n};\n"
        "}  // namespace\n}  // namespace kith::secure\n",
    "src/secure/noise.cpp":
        '#include "base/log.h"\n'
        "// std::thread, steady_clock and throw are words of a comment here\n"
        'const char* text = "try { rand() } catch (...)";\n'
        "std::unordered_map<int, int> index_;  // lookup only\n"
        "const int many = 1'000'000; const char c = '\"';\n",
    "src/secure/noise_test.cpp": "#include <gtest/gtest.h>\n#include <fstream>\n",
    "src/secure/golden_test_util.h": "#include <gtest/gtest.h>\n#include <filesystem>\n",
    "src/rt/CMakeLists.txt": "kith_folder(rt DEPS base PRIVATE Boost::headers Threads::Threads)\n",
    "src/rt/loop.cpp": "#include <boost/asio.hpp>\n#include <thread>\nvoid f() { co_await g(); }\n",
    "src/rt/store_peers.cpp": "#include <sqlite3.h>\n",
    "src/app/main.cpp": '#include <kith/kith.h>\n#include <signal.h>\n',
    "include/kith/kith.h": '#include "kith/version.h"\n#include <string>\n',
    "fuzz/noise_fuzz.cpp": '#include "secure/noise.h"\n',
}

# (file, content, a part of the one fault it must give)
BAD = [
    ("src/base/a.cpp", '#include "crypto/hash.h"\n', "includes upwards from crypto/"),
    ("src/mux/a.cpp", '#include "secure/noise.h"\n', "includes sideways from secure/"),
    ("src/sim/a.cpp", '#include "rt/loop.h"\n', "includes sideways from rt/"),
    ("src/mux/a.cpp", '#include "yamux.h"\n', "not rooted at src/"),
    ("src/mux/a.cpp", '#include "nowhere/yamux.h"\n', "no folder nowhere/"),
    ("src/mux/a.cpp", '#include "kith/version.h"\n', "public face is for app/"),
    ("src/nowhere/a.cpp", "int x;\n", "src/nowhere/ is not in the floors table"),
    ("include/kith/a.h", '#include "base/log.h"\n', "names only kith/"),
    ("include/kith/a.h", "#include <boost/asio.hpp>\n", "Boost lives in src/rt/*"),
    ("src/host/a.cpp", "#include <boost/asio.hpp>\n", "Boost lives in src/rt/*"),
    ("src/crypto/a.h", "#include <sodium.h>\n", "libsodium lives in src/crypto/*.cpp"),
    ("src/rt/peers.cpp", "#include <sqlite3.h>\n", "SQLite lives in src/rt/store_*.cpp"),
    ("src/mux/a.cpp", "#include <gtest/gtest.h>\n", "GoogleTest lives in"),
    ("src/mux/a.cpp", "#include <new/party.h>\n", "has no home in the table"),
    ("src/node/a.cpp", "#include <unistd.h>\n", "POSIX lives in"),
    ("src/host/a.cpp", "auto t = std::chrono::steady_clock::now();\n", "clock: reads a clock"),
    ("src/host/a.cpp", "auto t = time(nullptr);\n", "clock: reads a clock"),
    ("src/host/a.cpp", "#include <mutex>\n", "thread: uses threads"),
    ("src/host/a_test.cpp", "std::this_thread::sleep_for(1s);\n", "thread: uses threads"),
    ("src/host/a.cpp", "std::ifstream in(path);\n", "file: touches files"),
    ("src/crypto/a.cpp", "randombytes_buf(p, n);\n", "randomness: makes randomness"),
    ("src/host/a.cpp", "int x = rand();\n", "randomness: makes randomness"),
    ("src/node/a.cpp", "throw 1;\n", "exception: throws or catches"),
    ("src/sim/a.cpp", "co_await f();\n", "coroutines live in rt/ only"),
    ("src/host/a.cpp", "std::unordered_set<int> seen_;\n", "order: a hash table's order"),
    ("src/mux/CMakeLists.txt", "kith_folder(mux DEPS host)\n", "DEPS host: not below mux/"),
    ("src/secure/z.h",
     "namespace kith::crypto {\nclass Hash final : public Value {\n};\n"
     "}  // namespace kith::crypto\n",
     "kith::crypto::Hash is at src/crypto/hash.h:2 too"),
    ("src/mux/CMakeLists.txt", "kith_folder(secure)\n", "kith_folder(secure) in src/mux/"),
    ("src/mux/CMakeLists.txt", "kith_folder(mux PRIVATE Boost::headers)\n", "Boost lives in"),
    ("src/secure/a.cpp", '#include "codec/varint.h"\n', "does not link it"),
]


def faults_of(files):
    with tempfile.TemporaryDirectory() as place:
        root = pathlib.Path(place)
        for name, content in files.items():
            (root / name).parent.mkdir(parents=True, exist_ok=True)
            (root / name).write_text(content)
        return Checker(root).run()


class CheckFloors(unittest.TestCase):
    def test_good_tree_has_no_fault(self):
        self.assertEqual(faults_of(GOOD), [])

    def test_each_bad_line_is_found(self):
        for name, content, sentence in BAD:
            with self.subTest(name=name, content=content):
                faults = faults_of({**GOOD, name: content})
                self.assertEqual(len(faults), 1, faults)
                self.assertTrue(faults[0].startswith(name), faults[0])
                self.assertIn(sentence, faults[0])


if __name__ == "__main__":
    unittest.main(argv=[sys.argv[0], "--quiet"])
