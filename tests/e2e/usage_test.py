"""Exit codes, help and errors of the command line; configuration from all its sources."""
import os
import socket
import subprocess

from e2e import LOOPBACK, Case, kith, main


class UsageTest(Case):
    def test_wrong_usage_exits_2(self):
        for arguments in (["sttaus"], ["ping"], ["--nonsense"], ["peers", "lst"], [],
                          ["ping", "not-an-address"], ["ping", "/ip4/300.0.0.1/tcp/1"],
                          ["perf", "/ip4/127.0.0.1/tcp/1", "--upload-bytes", "lots"],
                          ["init", "--network", 'a"b'], ["devnet", "--nodes", "0"],
                          ["devnet", "--nodes", "100", "--base-port", "65000"]):
            result = kith("--home", self.home(), *arguments)
            self.assertEqual(result.code, 2, arguments)
            self.assertEqual(result.out, "", arguments)
            self.assertTrue(result.err.startswith("kith: "), (arguments, result.err))
            as_json = kith("--home", self.home(), "--json", *arguments)
            self.assertEqual(as_json.code, 2, arguments)
            self.assertEqual(as_json.json()["error"]["code"], "usage", arguments)
        self.assertIn("did you mean `kith status`", kith("sttaus").err)

    def test_a_height_needs_validators(self):
        result = kith("--json", "devnet", "--validators", 0, "--until-height", 5)
        self.assertEqual(result.code, 2)
        self.assertEqual(result.json()["error"]["code"], "usage")

    def test_no_node_exits_3(self):
        for verb in (["status"], ["stop"], ["stats"], ["peers", "list"], ["log", "level"],
                     ["peers", "bans"], ["chain", "status"], ["pubsub", "sub", "news"],
                     ["peers", "connect", "/ip4/127.0.0.1/tcp/1"]):
            result = kith("--home", self.home(), "--json", *verb)
            self.assertEqual(result.code, 3, verb)
            self.assertEqual(result.json()["error"]["code"], "unreachable")

    def test_nobody_there_exits_1(self):
        result = kith("--home", self.home(), "--json", "ping", "/ip4/127.0.0.1/tcp/1",
                      "--count", 1)
        self.assertEqual(result.code, 1)
        self.assertIn("error", result.json())

    def test_help_has_examples_and_no_later_verbs(self):
        shown = kith("--help")
        self.assertEqual(shown.code, 0)
        for verb in ("chamber", "dht"):
            self.assertNotIn(f" {verb} ", shown.out)
            self.assertEqual(kith(verb).code, 2)
        for verb in (["start"], ["ping"], ["peers", "list"], ["devnet"]):
            shown = kith(*verb, "--help")
            self.assertEqual(shown.code, 0)
            self.assertIn("Example:\n  kith", shown.out)

    def test_version(self):
        self.assertRegex(kith("--json", "version").json()["version"], r"^\d+\.\d+\.\d+$")

    def test_completion_scripts_are_valid_bash(self):
        script = kith("completion", "bash").out
        path = self.folder / "kith.bash"
        path.write_text(script + '\nCOMP_WORDS=(kith peers li) COMP_CWORD=2\n_kith\n'
                        'echo "${COMPREPLY[@]}"\n')
        done = subprocess.run(["bash", str(path)], capture_output=True, text=True, timeout=60,
                              check=False)
        self.assertEqual((done.returncode, done.stdout.strip()), (0, "list"), done.stderr)

    def test_doctor(self):
        kith("--home", self.home(), "init")
        result = kith("--home", self.home(), "--json", "doctor", "--set", f"listen={LOOPBACK}")
        checks = {check["name"]: check for check in result.json()["checks"]}
        self.assertEqual(result.code, 0, result.out)
        for name in ("config", "home", "identity", "listen", "clock", "files", "disk"):
            self.assertIn(name, checks)
        all_kinds = f"{LOOPBACK},{LOOPBACK}/ws,/ip4/127.0.0.1/udp/0/kith"
        result = kith("--home", self.home(), "--json", "doctor", "--set", f"listen={all_kinds}")
        self.assertEqual(result.code, 0, result.out)
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as taken:
            taken.bind(("127.0.0.1", 0))
            port = taken.getsockname()[1]
            result = kith("--home", self.home(), "--json", "doctor", "--set",
                          f"listen=/ip4/127.0.0.1/udp/{port}/kith")
        self.assertIn("in use", result.out)
        self.assertNotEqual(result.code, 0)
        self.home().chmod(0o755)
        result = kith("--home", self.home(), "--json", "doctor")
        checks = {check["name"]: check for check in result.json()["checks"]}
        self.assertEqual(checks["home"]["state"], "warning")


class ConfigTest(Case):
    def value(self, key, *arguments, env=None):
        shown = kith("--home", self.home(), "--json", "config", "show", *arguments, env=env).json()
        return next((s["value"], s["origin"]) for s in shown["settings"] if s["key"] == key)

    def test_precedence(self):
        self.assertEqual(self.value("max_peers"), (100, "default"))
        self.assertEqual(kith("--home", self.home(), "init").code, 0)
        self.assertEqual(self.value("max_peers"), (100, "default"))
        (self.home() / "config.toml").write_text("max_peers = 50\n")
        self.assertEqual(self.value("max_peers"), (50, "file"))
        env = {"KITH_MAX_PEERS": "60"}
        self.assertEqual(self.value("max_peers", env=env), (60, "environment"))
        self.assertEqual(self.value("max_peers", "--set", "max_peers=70", env=env), (70, "flag"))

    def test_json_file_and_home_from_the_environment(self):
        self.home().mkdir()
        file = self.folder / "other.json"
        file.write_text('{"log": {"level": "debug"}}')
        shown = kith("--json", "config", "show", "--config", file,
                     env={"KITH_HOME": str(self.home())}).json()
        levels = [s for s in shown["settings"] if s["key"] == "log.level"]
        self.assertEqual(levels[0]["value"], "debug")

    def test_faults_name_key_and_line(self):
        file = self.folder / "config.toml"
        file.write_text("min_peers = 4\nmax_peer = 50\n")
        result = kith("--json", "config", "check", file)
        self.assertEqual(result.code, 1)
        message = result.json()["error"]["message"]
        self.assertIn(f"{file}:2: unknown key \"max_peer\"; did you mean max_peers?", message)
        file.write_text("max_peers = 0\n")
        self.assertIn("0 is not within 1 to 10000", kith("config", "check", file).err)
        file.write_text("log.level = \"loud\"\n")
        self.assertEqual(kith("config", "check", file).code, 1)
        file.write_text("max_peers = 50\n")
        self.assertEqual(kith("config", "check", file).code, 0)
        unknown = kith("--home", self.home(), "status", env={"KITH_MAX_PEER": "1"})
        self.assertEqual(unknown.code, 1)
        self.assertIn("KITH_MAX_PEERS", unknown.err)
        # A wrong flag is a wrong command.
        for wrong in (("start", "--listen", "nonsense"), ("status", "--set", "foo=1"),
                      ("status", "--log-level", "loud")):
            self.assertEqual(kith("--home", self.home(), *wrong).code, 2, wrong)

    def test_init_makes_a_private_home(self):
        made = kith("--home", self.home(), "--json", "init", "--network", "testnet").json()
        self.assertTrue(made["created"])
        self.assertEqual(os.stat(self.home()).st_mode & 0o777, 0o700)
        self.assertEqual(os.stat(self.home() / "identity.key").st_mode & 0o777, 0o600)
        self.assertEqual(self.value("network.name"), ("testnet", "file"))
        again = kith("--home", self.home(), "--json", "init").json()
        self.assertFalse(again["created"])
        self.assertEqual(again["peer_id"], made["peer_id"])


if __name__ == "__main__":
    main()
