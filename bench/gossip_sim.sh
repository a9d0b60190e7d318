#!/usr/bin/env bash
# The scenario gossip side by side: pure push, gossipsub 1.2, and Kith's extension, on the same
# network and messages; then with a fifth of the nodes liars, and with large messages.
#
#   bench/gossip_sim.sh [NODES] [SPAN]       1000 nodes, 150s of virtual time
#   bench/gossip_sim.sh 10000 120s           some 8 GiB, an hour
#
# Prints a table; the JSON lines it is made of go to build/bench/gossip_sim.jsonl.
set -euo pipefail

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
kith=$root/build/release/kith
nodes=${1:-1000}
span=${2:-150s}
lines=$root/build/bench/gossip_sim.jsonl

run() { # NAME SETTING...
  local name=$1 settings=()
  shift
  for setting in "$@"; do settings+=(--with "$setting"); done
  echo "gossip_sim: $name" >&2
  # A broken promise of the scenario is exit code 1 and stands in the JSON.
  "$kith" simulate --scenario gossip --nodes "$nodes" --seed 1 --for "$span" --json \
    "${settings[@]}" 2>/dev/null | sed "s/^{/{\"name\":\"$name\",/" >>"$lines" || true
}

mkdir -p "$(dirname "$lines")"
: >"$lines"
run "push" variant=push
run "gossipsub 1.2" variant=idontwant
run "kith" variant=choke
run "push, 20 % droppers" variant=push droppers=0.2
run "kith, 20 % droppers" variant=choke droppers=0.2
run "kith, 20 % announcers" variant=choke announcers=0.2
run "push, 128 KiB" variant=push bytes=128KiB period=2s
run "gossipsub 1.2, 128 KiB" variant=idontwant bytes=128KiB period=2s
run "kith, 128 KiB" variant=choke bytes=128KiB period=2s

python3 - "$lines" <<'PYTHON'
import json, sys

columns = [("copies", "copies_per_node", "{:.2f}"), ("mean ms", "latency_ms_mean", "{:.0f}"),
           ("p50", "latency_ms_p50", "{:.0f}"), ("p99", "latency_ms_p99", "{:.0f}"),
           ("max", "latency_ms_max", "{:.0f}"), ("delivered", "delivered_share", "{:.5f}"),
           ("wire bytes a node and message", "wire_bytes_per_node_message", "{:.0f}"),
           ("control bytes", "control_bytes_per_delivery", "{:.0f}"),
           ("RSS MiB", "rss_mib", "{:.0f}"), ("wall s", "wall_s", "{:.0f}")]
print("| variant | " + " | ".join(name for name, _, _ in columns) + " |")
print("|---" * (len(columns) + 1) + "|")
for line in open(sys.argv[1]):
    run = json.loads(line)
    cells = [form.format(run[key]) for _, key, form in columns]
    print(f"| {run['name']} | " + " | ".join(cells) + " |")
    for violation in run["violations"]:
        print(f"  violated: {violation}", file=sys.stderr)
PYTHON
