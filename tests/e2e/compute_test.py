"""`kith compute run` and `merge`: workloads without a node, kill -9 and resume, parts, clusters."""
import json
import os
import pathlib
import re
import shutil
import signal
import subprocess

from e2e import KITH, LIMIT_S, Case, environment, kith, main, wait_for

ROOT = pathlib.Path(__file__).resolve().parents[2]
CLUSTER = ROOT / "examples" / "cluster"
TWINS = ROOT / "examples" / "worker" / "twin_primes.py"
TIMES = ("wall_s", "cpu_s")


def least_primes(last):
    """(sum, largest, where) of the least primes of the even numbers 4..last."""
    sieve = bytearray([1]) * (last + 1)
    sieve[:2] = bytes(2)
    for n in range(2, int(last**0.5) + 1):
        if sieve[n]:
            sieve[n * n::n] = bytes(len(range(n * n, last + 1, n)))
    primes = [n for n in range(last + 1) if sieve[n]]
    least = {n: next(p for p in primes if sieve[n - p]) for n in range(4, last + 1, 2)}
    largest = max(least.values())
    return sum(least.values()), largest, min(n for n in least if least[n] == largest)


def run(*arguments, env=None):
    return kith("--json", "compute", "run", *arguments, env=env)


def without_times(report):
    return {key: value for key, value in report.items() if key not in TIMES}


# Other tests run beside these, and idle priority would wait for them.
GOLDBACH = ("--workload", "goldbach", "--from", "4", "--normal-priority")


class ComputeTest(Case):
    def path(self, name):
        return str(self.folder / name)

    def test_goldbach_against_a_plain_computation(self):
        result = run(*GOLDBACH, "--to", "30000")
        self.assertEqual(result.code, 0, result.err)
        got = result.json()
        total, largest, at = least_primes(30000)
        self.assertEqual(got["figures"], {
            "numbers": 14999, "prime_sum": total, "largest_least_prime": largest,
            "largest_least_prime_at": at, "missing": 0})
        self.assertEqual((got["complete"], got["finds"], got["from"]), (True, [], 4))
        self.assertEqual(len(got["root"]), 64)
        self.assertEqual(without_times(run(*GOLDBACH, "--to", "30000", "--threads", 3).json()),
                         without_times(got))
        text = kith("compute", "run", *GOLDBACH, "--to", "30000")
        self.assertIn(got["root"], text.out)

    def test_collatz_units(self):
        got = run("--workload", "collatz", "--from", "2^40", "--to", "2^40+33554431").json()
        self.assertEqual((got["job_tasks"], got["complete"]), (1, True))
        self.assertEqual(got["figures"]["suspects"], 0)
        self.assertGreater(got["figures"]["candidates"], 0)

    def test_killed_and_resumed_is_the_same(self):
        arguments = [*GOLDBACH, "--to", "4e8", "--threads", "1"]
        whole = run(*arguments).json()
        journal = self.folder / "journal"
        command = [KITH, "--json", "compute", "run", *arguments, "--journal", str(journal)]
        kills, size = 0, 0
        while True:
            process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL,
                                       text=True, env=environment())
            before = size
            wait_for(lambda: process.poll() is not None
                     or (journal.exists() and journal.stat().st_size > before + 1000),
                     "slices in the journal")
            process.kill()
            out, _ = process.communicate(timeout=LIMIT_S)
            size = journal.stat().st_size
            if process.returncode == 0:
                break
            self.assertEqual(process.returncode, -signal.SIGKILL)
            kills += 1
            if kills == 3:  # a write that was cut in its middle
                os.truncate(journal, size - 3)
                size -= 3
            if kills == 6:
                out = run(*arguments, "--journal", journal).out
                break
        self.assertGreaterEqual(kills, 3)
        self.assertEqual(without_times(json.loads(out)), without_times(whole))
        # Of other work it is refused, and so is a second process.
        other = run(*GOLDBACH, "--to", "5e8", "--journal", journal)
        self.assertEqual((other.code, other.json()["error"]["code"]), (2, "usage"))

    def test_a_damaged_journal_is_named(self):
        journal = self.folder / "journal"
        self.assertEqual(run(*GOLDBACH, "--to", "2e8", "--journal", journal).code, 0)
        self.assertEqual(run(*GOLDBACH, "--to", "2e8", "--journal", journal).code, 0)
        data = bytearray(journal.read_bytes())
        data[9] ^= 1
        journal.write_bytes(data)
        result = run(*GOLDBACH, "--to", "2e8", "--journal", journal)
        self.assertEqual((result.code, result.json()["error"]["code"]), (1, "malformed"))

    def test_signals_stop_pause_and_resume(self):
        command = [KITH, "--json", "compute", "run", *GOLDBACH, "--to", "1e12", "--journal",
                   self.path("journal")]
        process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                                   text=True, env=environment())
        self.addCleanup(process.kill)
        journal = self.folder / "journal"

        def size():
            return journal.stat().st_size if journal.exists() else 0

        wait_for(lambda: size() > 2000, "work")
        process.send_signal(signal.SIGUSR1)

        def rests():
            before = size()
            subprocess.run(["sleep", "0.5"], check=True)
            return size() == before

        wait_for(rests, "a pause")
        process.send_signal(signal.SIGUSR2)
        before = size()
        wait_for(lambda: size() > before, "work again")
        process.send_signal(signal.SIGTERM)
        out, err = process.communicate(timeout=LIMIT_S)
        self.assertEqual(process.returncode, 1, err)
        got = json.loads(out)
        self.assertFalse(got["complete"])
        self.assertIsNone(got["root"])
        self.assertRegex(err, r"\[[#.]{24}\] +\d+\.\d %")

    def test_parts_merge_to_the_whole(self):
        arguments = (*GOLDBACH, "--to", "3e8")  # nine tasks
        whole = run(*arguments).json()
        for count in (2, 3, 12):
            files = []
            for part in range(1, count + 1):
                result = run(*arguments, "--part", f"{part}/{count}")
                self.assertEqual(result.code, 0, result.out)
                path = self.folder / f"{count}-{part}.json"
                path.write_text(result.out)
                files.insert(0, path)
            merged = kith("--json", "compute", "merge", *files)
            self.assertEqual(merged.code, 0, merged.out)
            self.assertEqual(without_times(merged.json()), without_times(whole))
        # A part that is missing, there twice, of other work, or changed.
        one, two, three = (self.folder / f"3-{part}.json" for part in (1, 2, 3))
        for files in ([one, three], [one, two, two, three]):
            result = kith("--json", "compute", "merge", *files)
            self.assertEqual((result.code, result.json()["error"]["code"]), (2, "usage"))
        other = self.folder / "other.json"
        other.write_text(run(*GOLDBACH, "--to", "1e6").out)
        self.assertEqual(kith("--json", "compute", "merge", one, other).code, 2)
        report = json.loads(two.read_text())
        root = report["task_roots"][0]
        report["task_roots"][0] = ("0" if root[0] != "0" else "1") + root[1:]
        two.write_text(json.dumps(report))
        result = kith("--json", "compute", "merge", one, two, three)
        self.assertEqual((result.code, result.json()["error"]["code"]), (1, "malformed"))
        two.write_text("{}")
        result = kith("--json", "compute", "merge", one, two, three)
        self.assertEqual((result.code, result.json()["error"]["code"]), (1, "malformed"))

    def test_an_external_program(self):
        arguments = ("--workload", f"external:{TWINS}", "--from", "1", "--to", "100000",
                     "--step", "10000")
        result = run(*arguments, "--threads", "2", "--journal", self.path("journal"))
        if result.code != 0 and result.json()["error"]["code"] == "unsupported":
            self.skipTest("no sandbox on this machine: " + result.json()["error"]["message"])
        self.assertEqual(result.code, 0, result.out)
        got = result.json()
        self.assertEqual((got["job_tasks"], got["figures"]["slices"]), (10, 10))
        # The results are in the journal: twin primes below 10^5, 1224 of them.
        data = (self.folder / "journal").read_bytes()
        frames = [data[at:at + 56] for at in range(len(data) - 10 * 52, len(data), 52)]
        self.assertEqual(sum(int.from_bytes(f[32:40], "big") for f in frames), 1224)
        again = run(*arguments, "--threads", "1").json()
        self.assertEqual(without_times(again), without_times(got))

    def test_an_external_program_ends_with_kith(self):
        mark = f"-Xkith{os.getpid()}"  # seen in its command line
        program = self.folder / "worker.py"
        program.write_text(f"#!/usr/bin/python3 {mark}\nprint('kith-work 1', flush=True)\n"
                           "input()\nwhile True: pass\n")
        process = subprocess.Popen([KITH, "--json", "compute", "run", "--workload",
                                    f"external:{program}", "--from", "1", "--to", "9",
                                    "--threads", "1", "--normal-priority"], env=environment(),
                                   stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
        self.addCleanup(process.kill)

        def runs():
            for path in pathlib.Path("/proc").glob("[0-9]*/cmdline"):
                try:
                    if mark.encode() in path.read_bytes().split(b"\0"):
                        return True
                except OSError:
                    pass  # it has ended
            return False

        wait_for(lambda: runs() or process.poll() is not None, "the program")
        if process.poll() is not None:
            error = json.loads(process.communicate(timeout=LIMIT_S)[0])["error"]
            self.assertEqual(error["code"], "unsupported", error)
            self.skipTest("no sandbox on this machine: " + error["message"])
        process.kill()
        process.communicate(timeout=LIMIT_S)
        wait_for(lambda: not runs(), "the end of the program")

    def test_an_external_program_that_fails_is_named(self):
        program = self.folder / "worker.py"
        program.write_text("#!/usr/bin/python3\nprint('kith-work 1', flush=True)\n"
                           "input()\nprint('error no paper left', flush=True)\ninput()\n")
        result = run("--workload", f"external:{program}", "--from", "1", "--to", "10")
        error = result.json()["error"]
        if error["code"] == "unsupported":
            self.skipTest("no sandbox on this machine: " + error["message"])
        self.assertEqual((result.code, error["code"]), (1, "refused"))
        self.assertIn("worker.py says: no paper left", error["message"])

    def test_bad_input_is_named(self):
        for arguments, word in (
                (("--workload", "abacus", "--from", "1", "--to", "9"), "abacus"),
                ((*GOLDBACH, "--to", "2^90"), "too large"),
                ((*GOLDBACH, "--to", "3"), "no even number"),
                ((*GOLDBACH, "--to", "1e3", "--part", "4/3"), "4/3"),
                ((*GOLDBACH, "--to", "1e3", "--part", "1"), "no part"),
                ((*GOLDBACH, "--to", "1e3", "--hours", "25:00-26:00"), "25:00"),
                ((*GOLDBACH, "--to", "1e3", "--step", "5"), "--step"),
                (("--workload", "collatz", "--from", "1", "--to", "9"), "whole units"),
                (("--workload", "collatz", "--from=-1", "--to", "9"), "-1")):
            result = run(*arguments)
            self.assertEqual(result.code, 2, (arguments, result.out))
            self.assertIn(word, result.json()["error"]["message"])
        result = run("--workload", "external:/no/where", "--from", "1", "--to", "9")
        self.assertEqual(result.json()["error"]["code"], "not_found")
        result = run(*GOLDBACH, "--to", "9e18")
        self.assertEqual((result.code, result.json()["error"]["code"]), (1, "limit"))
        result = run(*GOLDBACH, "--to", "1e9", "--memory", "1KiB")
        self.assertEqual((result.code, result.json()["error"]["code"]), (1, "limit"))
        self.assertEqual(kith("compute", "run", *GOLDBACH, "--to", "9", "--cpu-percent", 0).code, 2)
        self.assertEqual(kith("compute", "merge", "/no/where").code, 1)


class ClusterTest(Case):
    """examples/cluster: the engines themselves, or the environment that they set."""

    arguments = (*GOLDBACH, "--to", "2e8")

    def setUp(self):
        super().setUp()
        self.env = environment({"KITH": KITH})

    def script(self, name, *arguments, **more):
        return subprocess.run([str(CLUSTER / name), *map(str, arguments)], text=True,
                              capture_output=True, check=False, timeout=LIMIT_S,
                              env={**self.env, **more})

    def check_merged(self, out):
        whole = run(*self.arguments).json()
        self.assertEqual(without_times(json.loads(out)), without_times(whole))

    def check_parts(self, environments):
        for variables in environments:
            done = self.script("kith-part.sh", self.folder / "parts", *self.arguments, **variables)
            self.assertEqual(done.returncode, 0, done.stderr)
        files = sorted((self.folder / "parts").glob("part-*.json"))
        self.assertEqual(len(files), len(environments))
        self.check_merged(kith("--json", "compute", "merge", *files).out)

    def test_slurm_array(self):
        self.check_parts([{"SLURM_ARRAY_TASK_ID": str(4 + 2 * i), "SLURM_ARRAY_TASK_MIN": "4",
                           "SLURM_ARRAY_TASK_STEP": "2", "SLURM_ARRAY_TASK_COUNT": "3",
                           "SLURM_NTASKS": "1", "SLURM_PROCID": "0"} for i in range(3)])

    def test_kubernetes_indexed_job(self):
        self.check_parts([{"JOB_COMPLETION_INDEX": str(i), "JOB_COMPLETIONS": "2"}
                          for i in range(2)])
        manifest = (CLUSTER / "kubernetes-job.yaml").read_text()
        completions = re.search(r"completions: (\d+)", manifest)[1]
        self.assertIn(f'name: JOB_COMPLETIONS\n              value: "{completions}"', manifest)

    def test_srun(self):
        self.check_parts([{"SLURM_NTASKS": "2", "SLURM_PROCID": str(i)} for i in range(2)])

    def test_a_part_that_is_done_is_left_alone(self):
        rank = {"OMPI_COMM_WORLD_RANK": "0", "OMPI_COMM_WORLD_SIZE": "1"}
        for _ in range(2):
            done = self.script("kith-part.sh", self.folder / "parts", *self.arguments, **rank)
            self.assertEqual(done.returncode, 0, done.stderr)
        self.assertEqual(sorted(path.name for path in (self.folder / "parts").iterdir()),
                         ["part-1.journal", "part-1.json"])

    def test_nobody_says_which_part(self):
        done = self.script("kith-part.sh", self.folder, *self.arguments)
        self.assertEqual(done.returncode, 2)
        self.assertIn("which part", done.stderr)

    def test_mpirun(self):
        if not shutil.which("mpirun"):
            self.skipTest("no mpirun here: apt-get install openmpi-bin, then this runs three ranks")
        done = self.script("mpirun.sh", self.folder / "parts", 3, *self.arguments,
                           MPIRUN="mpirun --allow-run-as-root --oversubscribe")
        self.assertEqual(done.returncode, 0, done.stderr)
        self.check_merged(done.stdout)


if __name__ == "__main__":
    main()
