"""kith collatz verify: true records, one answer however it is cut, stopped, resumed; bad input."""
import json
import os
import pathlib
import signal
import subprocess
import time

from e2e import KITH, Case, environment, kith, main, wait_for

# Other tests run beside these, and idle priority would wait for them.
VERIFY = ("collatz", "verify", "--normal-priority")
# Instrumented, a number takes ten times as long, and what the engine tries at its start seconds.
IS_SANITIZED = "KITH_SANITIZED" in os.environ


def steps_and_peak(n):
    steps, peak = 0, n
    while n != 1:
        n = 3 * n + 1 if n % 2 else n // 2
        peak = max(peak, n)
        steps += 1
    return steps, peak


def verify(first, last, *arguments):
    result = kith("--json", *VERIFY, "--from", first, "--to", last, *arguments)
    assert result.code == 0, (result.code, result.out, result.err)
    return result.json()


class CollatzTest(Case):
    def test_exact_records_are_true(self):
        all_ranges = ((1, 1000), (1, 1), (26, 28), (70000, 78000))
        for first, last in all_ranges[:1] if IS_SANITIZED else all_ranges:
            got = verify(first, last)
            all_of_it = {n: steps_and_peak(n) for n in range(first, last + 1)}
            most = max(all_of_it.values())[0]
            high = max(peak for _, peak in all_of_it.values())
            self.assertEqual(got["count"], last - first + 1)
            self.assertEqual(got["verified"], got["count"])
            self.assertIsNone(got["counterexample"])
            self.assertEqual(got["max_steps"], most)
            self.assertEqual(got["max_steps_at"],
                             min(n for n, (steps, _) in all_of_it.items() if steps == most))
            self.assertEqual(got["max_value"], high)
            self.assertEqual(got["max_value_at"],
                             min(n for n, (_, peak) in all_of_it.items() if peak == high))
            total = sum(steps for steps, _ in all_of_it.values()) % 2**64
            self.assertEqual(got["checksum"], f"{total:016x}")
            self.assertEqual((got["mode"], got["complete"]), ("exact", True))

    def test_known_records_to_a_hundred_million(self):
        last, steps, peak = (("1e6", (524, 837799), (56991483520, 704511)) if IS_SANITIZED else
                             ("1e8", (949, 63728127), (2185143829170100, 80049391)))
        got = verify(1, last)
        self.assertEqual((got["max_steps"], got["max_steps_at"]), steps)
        self.assertEqual((got["max_value"], got["max_value_at"]), peak)
        self.assertEqual(verify(1, last, "--threads", 1)["checksum"], got["checksum"])

    def test_records_are_found_and_named(self):
        end, highest = (100000, (1570824736, 350)) if IS_SANITIZED else (1000000,
                                                                         (56991483520, 524))
        got = kith("--json", "collatz", "records", "--to", end, "--normal-priority").json()
        self.assertEqual((got["to"], got["complete"]), (end, True))
        best = {"path": 0, "delay": 0, "glide": 0}
        for record in got["records"]:
            steps, peak = steps_and_peak(record["number"])
            self.assertEqual(record["peak"], peak)
            if record["kind"] != "glide":
                self.assertEqual(record["steps"], steps)
            reached = peak if record["kind"] == "path" else record["steps"]
            self.assertGreater(reached, best[record["kind"]])
            best[record["kind"]] = reached
        glides = [(r["number"], r["steps"]) for r in got["records"] if r["kind"] == "glide"]
        all_glides = [(3, 6), (7, 11), (27, 96), (703, 132), (10087, 171), (35655, 220),
                      (270271, 267), (362343, 269), (381727, 282), (626331, 287)]
        self.assertEqual(glides, [glide for glide in all_glides if glide[0] <= end])
        only = kith("--json", "collatz", "records", "--to", end, "--kind", "delay",
                    "--normal-priority").json()["records"]
        self.assertEqual(only, [r for r in got["records"] if r["kind"] == "delay"])
        self.assertEqual((best["path"], best["delay"]), highest)
        too_far = kith("--json", "collatz", "records", "--to", "2^44")
        self.assertEqual((too_far.code, too_far.json()["error"]["code"]), (1, "limit"))
        self.assertEqual(kith("collatz", "records", "--to", "9", "--kind", "tall").code, 2)

    def test_a_unit_of_barinas_stops_when_it_is_told(self):
        process = subprocess.Popen([KITH, "--json", "collatz", "barina", "1", "--normal-priority"],
                                   stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
                                   env=environment())
        self.addCleanup(process.kill)
        process.stderr.readline()  # the first second's progress
        process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=120)
        self.assertEqual(process.returncode, 1, err)
        self.assertIn('"unit":1,"complete":false', out)
        self.assertEqual(kith("collatz", "barina", 0).code, 2)

    def test_numbers_wider_than_json(self):
        got = verify("2^71", "2^71+1000")
        self.assertEqual(got["from"], str(2**71))
        self.assertEqual(got["to"], str(2**71 + 1000))
        self.assertEqual(got["count"], 1001)
        self.assertEqual(got["max_steps"], max(steps_and_peak(2**71 + i)[0] for i in range(1001)))
        record = 2358909599867980429759
        got = verify(record - 5, record)
        self.assertEqual(got["max_value"], "988229361387264324637139131613488937796184")
        self.assertEqual(got["max_value_at"], str(record))

    def test_fast_is_the_same_on_every_kernel(self):
        answers = {}
        count = 3000000 if IS_SANITIZED else 300000000
        few = ("scalar", "avx512-mul", "opencl")
        every = (*few, "auto", "cpu", "avx512-ifma", "cuda", "hybrid")
        for device in few if IS_SANITIZED else every:
            result = kith("--json", *VERIFY, "--from", "2^40",
                          "--to", f"2^40+{count}", "--fast", "--device", device)
            got = result.json()
            if result.code == 1 and got.get("error", {}).get("code") == "unsupported":
                continue  # this machine lacks it
            self.assertEqual(result.code, 0, (device, result.out, result.err))
            self.assertEqual(got["verified"], count + 1)
            for key in ("max_value", "max_value_at", "max_steps", "max_steps_at"):
                self.assertIsNone(got[key])
            answers[device] = got["checksum"]
        self.assertIn("scalar", answers)
        self.assertEqual(len(set(answers.values())), 1, answers)

    def test_bad_input_is_named(self):
        for first, last, word in (("5", "4", "from 5 to 4"), ("0", "4", '"0"'), ("-3", "4", '"-3"'),
                                  ("1", "2^127", '"2^127"'), ("1", "1e99", '"1e99"'),
                                  ("1", "ten", '"ten"'), ("1.5", "2", '"1.5"'), (" ", "2", '" "')):
            result = kith("--json", "collatz", "verify", f"--from={first}", f"--to={last}")
            self.assertEqual(result.code, 2, (first, last, result.out))
            error = result.json()["error"]
            self.assertEqual(error["code"], "usage")
            self.assertIn(word, error["message"])
        self.assertEqual(kith("collatz", "verify", "--from", 1).code, 2)
        self.assertEqual(kith("collatz", "verify", "--from", 1, "--to", 2, "--threads", 0).code, 2)
        result = kith("--json", "collatz", "verify", "--from", 1, "--to", 2, "--device", "abacus")
        self.assertEqual((result.code, result.json()["error"]["code"]), (2, "usage"))
        # A GPU finds no records; and one that is not here is missed by name.
        for device in ("cuda", "opencl", "hybrid"):
            result = kith("--json", "collatz", "verify", "--from", 1, "--to", 2,
                          "--device", device)
            self.assertEqual((result.code, result.json()["error"]["code"]), (2, "usage"))
            self.assertIn("--fast", result.json()["error"]["message"])
        result = kith("--json", "collatz", "verify", "--from", "2^40", "--to", "2^40+9", "--fast",
                      "--device", "cuda")
        if result.code != 0:  # this machine has no such card
            error = result.json()["error"]
            self.assertEqual((result.code, error["code"]), (1, "unsupported"))
            self.assertIn("CUDA", error["message"])
        result = kith("--json", "collatz", "verify", "--from", 1, "--to", "2^100")
        self.assertEqual((result.code, result.json()["error"]["code"]), (1, "limit"))

    def test_stopped_and_resumed_is_the_same(self):
        path = self.folder / "progress"
        last = "1e7" if IS_SANITIZED else "4e8"
        arguments = [*VERIFY, "--from", "1", "--to", last, "--threads", "1"]
        whole = kith("--json", *arguments).json()
        process = subprocess.Popen([KITH, "--json", *arguments, "--checkpoint", str(path)],
                                   stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
                                   env=environment())
        process.stderr.readline()  # the first second's progress
        process.send_signal(signal.SIGINT)
        out, _ = process.communicate(timeout=60)
        self.assertTrue(path.exists())
        if process.returncode == 1:  # else it was faster than the signal
            self.assertIn('"complete":false', out)
        again = kith("--json", *arguments, "--checkpoint", path).json()
        for key in ("count", "verified", "max_value", "max_value_at", "max_steps", "max_steps_at",
                    "checksum", "complete"):
            self.assertEqual(again[key], whole[key], key)
        # The file of another range is refused, and so is a damaged one.
        other = kith("--json", "collatz", "verify", "--from", 1, "--to", 9, "--checkpoint", path)
        self.assertEqual((other.code, other.json()["error"]["code"]), (2, "usage"))
        data = bytearray(path.read_bytes())
        data[40] ^= 1
        path.write_bytes(data)
        damaged = kith("--json", *arguments, "--checkpoint", path)
        self.assertEqual(damaged.json()["error"]["code"], "malformed")

    def begin(self, *arguments):
        command = [KITH, "--json", *VERIFY, "--from", "1", "--to", "1e12", *arguments]
        process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                                   text=True, env=environment())
        self.addCleanup(process.communicate)
        self.addCleanup(process.kill)
        return process

    def test_signals_pause_and_resume_and_the_owner_may_set_rules(self):
        path = self.folder / "progress"
        hour = time.localtime().tm_hour
        process = self.begin("--hours", f"{(hour + 2) % 24:02}:00-{(hour + 3) % 24:02}:00")
        self.assertIn("resting: ", process.stderr.readline())
        process.send_signal(signal.SIGTERM)
        out, _ = process.communicate(timeout=60)
        self.assertEqual(json.loads(out)["verified"], 0)

        process = self.begin("--checkpoint", str(path))
        process.stderr.readline()  # it works
        process.send_signal(signal.SIGUSR1)

        def ticks():
            """Of the processor, in all its threads."""
            stat = pathlib.Path(f"/proc/{process.pid}/stat").read_text(encoding="ascii")
            fields = stat.rsplit(")")[1]
            return sum(int(field) for field in fields.split()[11:13])

        def rests():
            before = ticks()
            subprocess.run(["sleep", "1"], check=True)
            return ticks() - before < 10

        def works():
            return not rests()

        wait_for(rests, "a pause")
        process.send_signal(signal.SIGUSR2)
        wait_for(works, "work again")
        process.send_signal(signal.SIGTERM)
        out, err = process.communicate(timeout=60)
        self.assertEqual(process.returncode, 1, err)
        self.assertIn('"complete":false', out)
        self.assertTrue(path.exists())

        full = kith("--json", *VERIFY, "--from", 1, "--to", "1e12", "--memory", "1MiB",
                    "--checkpoint", self.folder / "full")
        self.assertEqual((full.code, full.json()["error"]["code"]), (1, "limit"))
        wrong = kith("--json", *VERIFY, "--from", 1, "--to", 2, "--hours", "25:00-26:00")
        self.assertEqual((wrong.code, wrong.json()["error"]["code"]), (2, "usage"))


if __name__ == "__main__":
    main()
