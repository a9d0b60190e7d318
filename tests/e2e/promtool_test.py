"""What Prometheus' own checker says of /metrics. Skipped where it is not installed; in CI the
package is unpacked into the build folder, since installing it would start a server."""
import glob
import os
import pathlib
import shutil
import subprocess
import sys

from e2e import Case, main, wait_for
from web import ask

UNPACKED = pathlib.Path(__file__).parents[2] / "build" / "promtool"


def unpack():
    """The checker out of Debian's package; None where there is no way to it."""
    tool = UNPACKED / "usr" / "bin" / "promtool"
    if tool.exists():
        return str(tool)
    UNPACKED.mkdir(parents=True, exist_ok=True)
    download = ["apt-get", "-q", "download", "prometheus"]
    if subprocess.run(download, cwd=UNPACKED, check=False).returncode != 0:
        subprocess.run(["apt-get", "-q", "update"], check=False)
        subprocess.run(download, cwd=UNPACKED, check=False)
    packages = glob.glob(str(UNPACKED / "prometheus_*.deb"))
    if not packages:
        return None
    subprocess.run(["dpkg-deb", "-x", packages[0], UNPACKED], check=True)
    return str(tool)


PROMTOOL = shutil.which("promtool")
if not PROMTOOL and os.environ.get("CI"):
    PROMTOOL = unpack()


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
