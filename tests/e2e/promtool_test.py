"""What Prometheus' own checker says of /metrics; skipped where it is not installed."""
import shutil
import subprocess
import sys

from e2e import Case, main, wait_for
from web import ask

PROMTOOL = shutil.which("promtool")


class PromtoolTest(Case):
    def test_it_has_nothing_to_say(self):
        a = self.start("a")
        self.start("b", "--bootstrap", a.address)
        wait_for(lambda: ask(a.api + "/v1/status").json()["peers"] == 1, "b at a")
        checked = subprocess.run([PROMTOOL, "check", "metrics"], capture_output=True, check=False,
                                 input=ask(a.api + "/metrics").body)
        self.assertEqual((checked.returncode, checked.stdout + checked.stderr), (0, b""))


if __name__ == "__main__":
    if not PROMTOOL:
        print("skipped: promtool (Debian package prometheus) is not installed")
        sys.exit(77)
    main()
