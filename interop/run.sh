#!/usr/bin/env bash
# Builds the foreign libp2p peers and runs the interop matrix: Kith against each of them, both ways.
#
#   interop/run.sh [--setup] [--foreign] [-k WORD] [js] [go] [rust]
#
# --setup only builds, --foreign also runs the foreign peers against each other, -k keeps the cases
# whose line contains WORD. A missing toolchain skips its peer and says so.
set -uo pipefail

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
root=$(dirname "$here")
out=$root/build/interop
peers=$out/peers.tsv # One line a peer: its name, a tab, the command that runs it.
setup_only=false
matrix_options=()
names=()

main() {
  read_arguments "$@"
  mkdir -p "$out"
  : >"$peers"
  for name in "${names[@]}"; do
    set_up "$name"
  done
  add_kith
  if $setup_only; then
    cat "$peers"
    exit 0
  fi
  exec python3 "$here/matrix.py" --peers "$peers" --names "${names[*]}" "${matrix_options[@]}"
}

read_arguments() {
  while (($# > 0)); do
    case $1 in
      --setup) setup_only=true ;;
      --foreign) matrix_options+=(--foreign) ;;
      -k)
        matrix_options+=(-k "${2:?-k wants a word}")
        shift
        ;;
      js | go | rust) names+=("$1") ;;
      *)
        echo "interop: unknown argument '$1'; usage: interop/run.sh" \
          "[--setup] [--foreign] [-k WORD] [js] [go] [rust]" >&2
        exit 2
        ;;
    esac
    shift
  done
  if ((${#names[@]} == 0)); then
    names=(js go rust)
  fi
}

# set_up NAME: builds a peer; the matrix reports a peer that is not in the list as skipped.
set_up() {
  local name=$1 start=$SECONDS why
  echo "interop: setting up the $name peer" >&2
  if why=$("build_$name" 2>&1 >"$out/$name.command"); then
    printf '%s\t%s\n' "$name" "$(cat "$out/$name.command")" >>"$peers"
    echo "interop: $name is ready ($((SECONDS - start)) s)" >&2
  else
    printf '%s\n' "$why" | tail -15 >&2
    echo "interop: SKIPPING $name: ${why##*$'\n'}" >&2
  fi
}

# Each build_* prints the peer's command on stdout, all else on stderr, and says last why it failed.

build_js() {
  need npm || return
  if [[ ! $here/js/node_modules/.package-lock.json -nt $here/js/package-lock.json ]]; then
    (cd "$here/js" && npm ci --no-fund --no-audit) >&2 || return
  fi
  local node
  for node in "$here"/js/node_modules/node-linux-*/bin/node "$(command -v node)"; do
    if [[ -x $node && $("$node" -p 'parseInt(process.versions.node)') -ge 22 ]]; then
      echo "$node $here/js/peer.js"
      return 0
    fi
  done
  echo "js-libp2p needs Node 22 or newer" >&2
  return 1
}

build_go() {
  need go || return
  (cd "$here/go" && GOFLAGS='-mod=mod -trimpath' go build -o "$out/go/peer" .) >&2 || return
  echo "$out/go/peer"
}

build_rust() {
  need cargo || return
  (cd "$here/rust" && CARGO_TARGET_DIR=$out/rust cargo build --release --quiet) >&2 || return
  echo "$out/rust/release/peer"
}

need() {
  command -v "$1" >/dev/null && return
  echo "no $1 on this machine" >&2
  return 1
}

# Kith's own peer and program come from the normal build.
add_kith() {
  local peer=${KITH_INTEROP_PEER:-$root/build/release/interop/kith_interop_peer}
  local program=${KITH:-$root/build/kith}
  if [[ -x $peer ]]; then
    printf 'kith\t%s\n' "$peer" >>"$peers"
  else
    echo "interop: SKIPPING kith: $peer is not built (./run build)" >&2
  fi
  if [[ -x $program && ! -d $program ]]; then
    printf 'kith-cli\t%s\n' "$program" >>"$peers"
  fi
}

main "$@"
