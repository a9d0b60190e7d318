"""What each key of the configuration that concerns the process changes in a running node. Keys of
the protocol are shown in virtual time by src/node/config_effect_test.cpp, which also checks that no
key is without a test."""
import json
import stat

from e2e import Case, kith, main, wait_for

SWARM_KEY = "/key/swarm/psk/1.0.0/\n/base16/\n" + "cd" * 32 + "\n"


class ConfigTest(Case):
    def set(self, key, value):
        return f"--set={key}={value}"

    def test_network_name(self):
        self.assertEqual(self.start("a").call("status")["network"], "kith")
        other = self.start("b", self.set("network.name", "testnet"))
        self.assertEqual(other.call("status")["network"], "testnet")

    def test_network_key_file(self):
        key = self.folder / "elsewhere.key"
        key.write_text(SWARM_KEY)
        private = self.start("a", self.set("network.key_file", key))
        public = kith("--home", self.home("c"), "ping", private.address, "--count", 1,
                      self.set("connect_timeout", "1s"))
        self.assertEqual(public.code, 1)
        member = kith("--home", self.home("c"), "ping", private.address, "--count", 1,
                      self.set("network.key_file", key))
        self.assertEqual(member.code, 0, member.err)

    def test_identity_passphrase_file(self):
        secret = self.folder / "words"
        secret.write_text("correct horse\n")
        secret.chmod(0o600)
        self.start("a", self.set("identity.passphrase_file", secret)).end()
        self.assertIn(b"argon2id", (self.home("a") / "identity.key").read_bytes())
        without = kith("--home", self.home("a"), "--json", "start")
        self.assertEqual(without.json()["error"]["code"], "passphrase")

    def test_api_socket(self):
        node = self.start("a", self.set("api.socket", "other.sock"))
        self.assertTrue(stat.S_ISSOCK((node.home / "other.sock").stat().st_mode))
        self.assertEqual(kith("--home", node.home, "status").code, 3)
        found = kith("--home", node.home, "status", self.set("api.socket", "other.sock"))
        self.assertEqual(found.code, 0, found.err)

    def test_log_level_and_format_and_file(self):
        quiet = self.start("a", self.set("log.level", "off"))
        self.assertEqual(quiet.log().strip(), "")
        loud = self.start("b", self.set("log.level", "debug"), self.set("log.format", "json"),
                          self.set("log.file", "node.log"))
        self.assertEqual(loud.log().strip(), "")
        written = loud.home / "node.log"
        wait_for(written.exists, "the log file")
        loud.end()
        for line in written.read_text().splitlines():
            json.loads(line)
        self.assertGreater(len(written.read_text().splitlines()), 0)

    def test_tcp_congestion(self):
        node = self.start("a", self.set("tcp.congestion", "nonesuch"))
        other = self.start("b", "--bootstrap", node.address)
        wait_for(lambda: other.call("status")["peers"] == 1, "a at b")
        wait_for(lambda: "nonesuch" in node.log(), "a line about the unknown algorithm")
        self.assertNotIn("congestion", other.log())


if __name__ == "__main__":
    main()
