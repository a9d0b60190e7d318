#!/usr/bin/env bash
# Benchmarks: Kith beside the foreign libp2p peers, and the programs that measure one part each.
#
#   bench/run.sh [NAME...] [--quick] [--json] [--repeat N] [--stacks kith,go,rust,js] [--rows A,B]
#
# NAME is one of
#   perf handshakes ping memory   Kith and the foreign peers, each against itself (perf_peers.py)
#   all                           these four; the default
#   pubsub                        messages delivered and their latency, of Kith, the foreign peers
#                                 and NATS, 2 and 10 nodes, signed and not (pubsub.py)
#   chain                         payments that four validators make final, Kith and CometBFT
#                                 (chain.py); --stacks kith,cometbft,cometbft-tuned
#   transport                     the packet transport beside TLS over TCP, QUIC (msquic, quinn,
#                                 quic-go, ngtcp2), ENet, KCP and ZeroMQ, and over a lossy path
#                                 (transport.py); --rows stream,relay,... takes only these
#   start                         a node with 1,000,000 blocks starts; validators with nothing to do
#                                 (chain_start.py)
#   idle                          an idle node and 2,000 idle connections (idle_connections.py)
#   sim                           events a second and memory of `kith simulate`, 1,000 nodes
#   collatz                       numbers a second of each Collatz kernel; --threads N adds N at
#                                 once, --peer NAME=NUMBERS=COMMAND (again and again) a foreign
#                                 program that verifies so many numbers
#   micro                         every Google Benchmark program in build/release/bench
#   NAME_bench                    one of them
# Several NAMEs of the first kind share one run. --json prints JSON only.
set -euo pipefail

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
root=$(dirname "$here")
programs=$root/build/release/bench
peer_figures=()
micro=()
options=()
collatz_options=()
quick=false
json=false
is_pubsub_wanted=false
is_chain_wanted=false
is_transport_wanted=false
is_start_wanted=false
is_idle_wanted=false
is_sim_wanted=false
is_collatz_wanted=false

main() {
  read_arguments "$@"
  if ((${#peer_figures[@]} > 0)); then
    run_peers
  fi
  if $is_pubsub_wanted; then
    run_pubsub
  fi
  if $is_chain_wanted; then
    run_chain
  fi
  if $is_transport_wanted; then
    run_transport
  fi
  if $is_start_wanted; then
    run_start
  fi
  if $is_idle_wanted; then
    run_idle
  fi
  if $is_sim_wanted; then
    run_sim
  fi
  if $is_collatz_wanted; then
    run_collatz
  fi
  for name in "${micro[@]}"; do
    run_micro "$name"
  done
}

read_arguments() {
  while (($# > 0)); do
    case $1 in
      all | perf | handshakes | ping | memory) peer_figures+=("$1") ;;
      pubsub) is_pubsub_wanted=true ;;
      chain) is_chain_wanted=true ;;
      transport) is_transport_wanted=true ;;
      start) is_start_wanted=true ;;
      idle) is_idle_wanted=true ;;
      sim) is_sim_wanted=true ;;
      collatz) is_collatz_wanted=true ;;
      micro)
        for program in "$programs"/*_bench; do
          [[ -x $program ]] && micro+=("$(basename "$program")")
        done
        ;;
      *_bench) micro+=("$1") ;;
      --quick) quick=true ;;
      --json) json=true ;;
      --peer | --threads)
        collatz_options+=("$1" "${2:?$1 wants a value}")
        shift
        ;;
      --repeat | --stacks | --rows)
        options+=("$1" "${2:?$1 wants a value}")
        shift
        ;;
      *)
        echo "bench: unknown argument '$1'; see the head of bench/run.sh" >&2
        exit 2
        ;;
    esac
    shift
  done
  if ((${#peer_figures[@]} + ${#micro[@]} == 0)) &&
    ! $is_pubsub_wanted && ! $is_chain_wanted && ! $is_start_wanted && ! $is_idle_wanted &&
    ! $is_sim_wanted && ! $is_collatz_wanted && ! $is_transport_wanted; then
    peer_figures=(all)
  fi
}

run_collatz() {
  local arguments=("${collatz_options[@]}")
  $quick && arguments+=(--quick)
  $json && arguments+=(--json)
  "$programs/collatz_rates" "${arguments[@]}"
  # Rows of GPUs, where there are any; else it says what is not there.
  if $json; then "$programs/collatz_gpus" --json; else "$programs/collatz_gpus"; fi
}

run_peers() {
  "$root/interop/run.sh" --setup >/dev/null
  local arguments=(--peers "$root/build/interop/peers.tsv")
  if build_pipe; then
    arguments+=(--pipe "$root/build/bench/bare_pipe")
  fi
  $quick && arguments+=(--quick)
  $json && arguments+=(--json)
  python3 "$here/perf_peers.py" "${peer_figures[@]}" "${arguments[@]}" "${options[@]}"
}

run_pubsub() {
  "$root/interop/run.sh" --setup >/dev/null
  local arguments=(--peers "$root/build/interop/peers.tsv") server
  arguments+=(--crypto-bench "$programs/crypto_bench")
  if server=$(nats_server); then
    arguments+=(--nats-server "$server")
  fi
  $quick && arguments+=(--quick)
  $json && arguments+=(--json)
  python3 "$here/pubsub.py" "${arguments[@]}" "${options[@]}"
}

# Prints where it is: built by go in the version below, or else what the machine has.
nats_server() {
  local version=v2.15.2 out=$root/build/bench
  if [[ ! -x $out/nats-server || $("$out/nats-server" --version) != *"$version" ]]; then
    GOBIN=$out GOFLAGS=-trimpath go install "github.com/nats-io/nats-server/v2@$version" >&2 || {
      command -v nats-server && return
      echo "bench: there is no nats-server here and go cannot build it" >&2
      return 1
    }
  fi
  echo "$out/nats-server"
}

run_chain() {
  local arguments=(--kith "$root/build/release/kith" --load "$programs/chain_load") comet
  arguments+=(--folder "$root/build/bench")
  mkdir -p "$root/build/bench"
  if [[ -x $programs/ledger_bench ]]; then
    arguments+=(--ledger-bench "$programs/ledger_bench")
  fi
  if comet=$(cometbft_bench); then
    arguments+=(--cometbft "$comet")
  fi
  $quick && arguments+=(--quick)
  $json && arguments+=(--json)
  python3 "$here/chain.py" "${arguments[@]}" "${options[@]}"
}

# Prints where it is; CometBFT's version is that of bench/cometbft/go.mod.
cometbft_bench() {
  local program=$root/build/bench/cometbft-bench
  if ! command -v go >/dev/null; then
    echo "bench: no go on this machine: CometBFT is not measured" >&2
    return 1
  fi
  (cd "$here/cometbft" &&
    GOFLAGS='-trimpath -buildvcs=false' timeout 900 go build -o "$program" .) >&2 || {
    echo "bench: go cannot build bench/cometbft: CometBFT is not measured" >&2
    return 1
  }
  echo "$program"
}

run_transport() {
  local arguments=(--programs "$programs" --peers "$root/build/bench/transport") peer why
  mkdir -p "$root/build/bench/transport"
  rm -f "$root/build/bench/transport"/*_peer  # what cannot be built any more is not measured
  for peer in quinn msquic go js; do
    why=$(build_transport_"$peer" 2>&1 >/dev/null) || {
      printf '%s\n' "$why" | tail -15 >&2
      echo "bench: the $peer peer of transport.py cannot be built: ${why##*$'\n'}" >&2
    }
  done
  $quick && arguments+=(--quick)
  $json && arguments+=(--json)
  python3 "$here/transport.py" "${arguments[@]}" "${options[@]}"
}

# Each build_transport_* makes NAME_peer in build/bench/transport, or says last why it cannot.

build_transport_quinn() {
  build_transport_rust quinn
}

# With its own msquic and OpenSSL, from the crate's sources: minutes, the first time.
build_transport_msquic() {
  local out=$root/build/bench/transport
  build_transport_rust msquic || return
  cp -P "$out"/rust/release/build/msquic-*/out/lib/libmsquic.so* "$out/"
}

build_transport_rust() {
  local out=$root/build/bench/transport
  need cargo || return
  (cd "$here/transport_peers/$1" &&
    CARGO_TARGET_DIR=$out/rust timeout 1800 cargo build --release --quiet) || return
  cp "$out/rust/release/$1_peer" "$out/"
}

build_transport_go() {
  local out=$root/build/bench/transport name
  need go || return
  for name in quicgo kcp; do
    (cd "$here/transport_peers/go" &&
      GOFLAGS='-trimpath -buildvcs=false' timeout 900 go build -o "$out/${name}_peer" "./$name") ||
      return
  done
}

build_transport_js() {
  local folder=$here/transport_peers/js out=$root/build/bench/transport node
  need npm || return
  if [[ ! $folder/node_modules/.package-lock.json -nt $folder/package-lock.json ]]; then
    # Not `npm ci`: it wants the native packages of every platform in the lock file.
    (cd "$folder" && npm install --no-save --no-fund --no-audit) || return
  fi
  for node in "$folder"/node_modules/node-linux-*/bin/node "$(command -v node)"; do
    if [[ -x $node && $("$node" -p 'parseInt(process.versions.node)') -ge 22 ]]; then
      printf '#!/bin/sh\nexec "%s" "%s" "$@"\n' "$node" "$folder/peer.js" >"$out/js_quinn_peer"
      chmod +x "$out/js_quinn_peer"
      return
    fi
  done
  echo "js-libp2p needs Node 22 or newer" >&2
  return 1
}

need() {
  command -v "$1" >/dev/null && return
  echo "no $1 on this machine" >&2
  return 1
}

run_start() {
  local arguments=(--folder "$root/build/bench")
  mkdir -p "$root/build/bench"
  $quick && arguments+=(--blocks 20000 --seconds 10)
  $json && arguments+=(--json)
  python3 "$here/chain_start.py" "${arguments[@]}"
}

run_idle() {
  local arguments=(--count 2000)
  $quick && arguments=(--count 500 --settle 8)
  $json && arguments+=(--json)
  python3 "$here/idle_connections.py" "${arguments[@]}"
}

run_sim() {
  local span=1h arguments=()
  $quick && span=5m
  $json && arguments+=(--json)
  "$root/build/release/kith" simulate --nodes 1000 --seed 7 --for "$span" "${arguments[@]}"
}

# The ceiling is one file and needs no more of the build than OpenSSL.
build_pipe() {
  local pipe=$root/build/bench/bare_pipe compiler
  if [[ $pipe -nt $here/bare_pipe.cpp ]]; then
    return
  fi
  mkdir -p "$(dirname "$pipe")"
  compiler=$(command -v clang++-19 || command -v c++) &&
    "$compiler" -std=c++20 -O2 "$here/bare_pipe.cpp" -lcrypto -o "$pipe" && return
  echo "bench: bare_pipe does not build here: no ceiling in the table" >&2
  return 1
}

run_micro() {
  local program=$programs/$1 arguments=()
  if [[ ! -x $program ]]; then
    echo "bench: $program is not built (./run build)" >&2
    return 1
  fi
  $quick && arguments+=(--benchmark_min_time=0.05)
  $json && arguments+=(--benchmark_format=json)
  echo "bench: $1" >&2
  "$program" "${arguments[@]}"
}

main "$@"
