#!/usr/bin/python3
"""An external worker for Kith: counts twin primes (docs/protocol/external-workload.md).

    kith compute run --workload external:examples/worker/twin_primes.py --from 1 --to 1e6 --step 1e5

A task is `step` numbers of from..to, a slice one of the equal pieces that its units and slices make
of them (one, with `compute run`); its result is how many p there are with p and p + 2 prime, and
the largest of them: two big-endian 64-bit numbers. As a job on the ledger:

    kith compute submit --workload external:examples/worker/twin_primes.py --from 1 --to 64e8 \\
        --step 64e6 --price 0.01
"""
import struct
import sys

HEADER = struct.Struct(">32sQII")  # SHA-256 of this file, tasks, units, slices
RANGE = struct.Struct(">QQQ")  # from, to, step


def say(text):
    sys.stdout.write(text + "\n")
    sys.stdout.flush()


def primes_up_to(limit):
    sieve = bytearray([1]) * (limit + 1)
    for n in range(2, int(limit**0.5) + 1):
        if sieve[n]:
            sieve[n * n::n] = bytes(len(range(n * n, limit + 1, n)))
    return [n for n in range(2, limit + 1) if sieve[n]]


def twin_primes(first, last):
    """(count, largest) of twins that begin within first..last."""
    size = last + 3 - first
    is_prime = bytearray([1]) * size
    for n in range(first, min(first + size, 2)):
        is_prime[n - first] = 0
    for p in primes_up_to(int((last + 2) ** 0.5) + 1):
        start = max(p * p, (first + p - 1) // p * p)
        is_prime[start - first::p] = bytes(len(range(start - first, size, p)))
    twins = [i for i in range(size - 2) if is_prime[i] and is_prime[i + 2]]
    return len(twins), first + twins[-1] if twins else 0


def main():
    say("kith-work 1")
    for line in sys.stdin:
        _, params, task, unit, piece = line.split()
        data = bytes.fromhex(params)
        _, _, units, slices = HEADER.unpack(data[:HEADER.size])
        first, last, step = RANGE.unpack(data[HEADER.size:])
        size = step // (units * slices)
        begin = first + int(task) * step + (int(unit) * slices + int(piece)) * size
        end = min(last, begin + size - 1)
        if end - begin > 10**8:
            say("error a step of more than 1e8 numbers does not fit into memory")
            continue
        say("result " + struct.pack(">QQ", *twin_primes(begin, end)).hex())


if __name__ == "__main__":
    main()
