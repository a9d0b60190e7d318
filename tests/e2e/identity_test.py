"""A damaged or exposed identity stops a node with a sentence that says what to do."""
from e2e import Case, kith, main


class IdentityTest(Case):
    def setUp(self):
        super().setUp()
        self.assertEqual(kith("--home", self.home(), "init").code, 0)
        self.key = self.home() / "identity.key"

    def start(self, *arguments):
        return kith("--json", "--home", self.home(), "start", "--listen", "/ip4/127.0.0.1/tcp/0",
                    *arguments)

    def test_damaged(self):
        whole = self.key.read_bytes()
        for damage in (b"", whole[:-10], whole.replace(b"seed: ", b"seed: 0", 1), b"\xff" * 178,
                       whole.replace(b"a", b"b"), b"x" * 100_000):
            self.key.write_bytes(damage)
            result = self.start()
            self.assertEqual(result.code, 1, result.out)
            self.assertIn("identity.key", result.json()["error"]["message"])
        self.key.write_bytes(whole)
        self.assertEqual(kith("--home", self.home(), "id").code, 0)

    def test_readable_by_others(self):
        self.key.chmod(0o644)
        result = self.start()
        self.assertEqual(result.code, 5)
        error = result.json()["error"]
        self.assertEqual(error["code"], "permission")
        self.assertIn("identity.key", error["message"])
        self.assertIn("chmod", error["message"])
        doctor = kith("--home", self.home(), "--json", "doctor")
        self.assertEqual(doctor.code, 1)

    def test_seal_and_unseal(self):
        run = lambda *arguments: kith("--home", self.home(), "--json", *arguments)
        secret = self.home() / "passphrase"
        secret.write_text("correct horse\nbattery staple\n")
        secret.chmod(0o600)
        identity = run("id").json()["peer_id"]
        opened = self.key.read_bytes()
        self.assertEqual(run("id", "--seal", secret).json()["peer_id"], identity)
        self.assertNotIn(b"seed", self.key.read_bytes())
        self.assertEqual(self.key.stat().st_mode & 0o777, 0o600)
        closed = run("id")
        self.assertEqual((closed.code, closed.json()["error"]["code"]), (1, "passphrase"))
        with_file = ("--set", f"identity.passphrase_file={secret}")
        self.assertEqual(run("id", *with_file).json()["peer_id"], identity)
        wrong = self.home() / "wrong"
        wrong.write_text("battery staple\n")
        wrong.chmod(0o600)
        refused = run("id", "--unseal", "--set", f"identity.passphrase_file={wrong}")
        self.assertEqual(refused.json()["error"]["code"], "passphrase")
        self.assertEqual(run("id", "--unseal", *with_file).json()["peer_id"], identity)
        self.assertEqual(self.key.read_bytes(), opened)
        secret.chmod(0o644)
        self.assertEqual(run("id", "--seal", secret).code, 5, "others can read the passphrase")

    def test_no_identity_yet(self):
        self.key.unlink()
        result = kith("--home", self.home(), "id")
        self.assertEqual(result.code, 1)
        self.assertIn("kith init", result.err)


if __name__ == "__main__":
    main()
