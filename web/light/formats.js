// The grammar of docs/protocol/light.md and of what it takes from consensus.md and ledger.md.
import {check, concat, Reader, tagged, toHex, u16, u64, whole, zero} from './bytes.js';

const amountMax = 1n << 62n;
const weightMax = 1n << 61n;

function amount(reader) {
  const value = reader.u64();
  check(value <= amountMax, `${value} is over the largest amount`);
  return value;
}

// --- validators ----------------------------------------------------------------------------------

export function members(reader) {
  const count = reader.u16();
  check(count <= 1024, `${count} validators`);
  const all = [];
  for (let i = 0; i < count; i++) {
    const member = {key: reader.take(32), weight: reader.u64()};
    check(member.weight > 0n, 'a validator without weight');
    check(i === 0 || Buffer.compare(all[i - 1].key, member.key) < 0, 'validators out of order');
    all.push(member);
  }
  return all;
}

/** Validators as a set: with total, quorum, root and places by key. */
export function makeSet(all) {
  check(all.length >= 1 && all.length <= 1024, `a set of ${all.length} validators`);
  const sorted = [...all].sort((a, b) => Buffer.compare(a.key, b.key));
  const places = new Map();
  let total = 0n;
  const parts = [Uint8Array.of(1), u16(sorted.length)];
  sorted.forEach((member, i) => {
    check(!places.has(toHex(member.key)), 'a validator twice');
    places.set(toHex(member.key), i);
    total += member.weight;
    parts.push(member.key, u64(member.weight));
  });
  check(total <= weightMax, 'validators weigh too much together');
  return {
    members: sorted, places, total,
    quorum: 2n * total / 3n + 1n,
    faulty: (total - 1n) / 3n,
    root: tagged('kith/validators/1', concat(...parts)),
  };
}

function change(reader) {
  const isWhole = !reader.flag();
  const removed = [];
  if (!isWhole) {
    const count = reader.u16();
    check(count <= 1024, `${count} validators go`);
    for (let i = 0; i < count; i++) {
      removed.push(reader.u16());
      check(i === 0 || removed[i - 1] < removed[i], 'indices out of order');
    }
  }
  return {isWhole, removed, put: members(reader)};
}

export function applyChange(change, before) {
  if (change.isWhole) return makeSet(change.put);
  const gone = new Set(change.removed);
  for (const index of gone) check(index < before.members.length, `no validator ${index}`);
  const after = before.members.map((member) => ({...member}));
  for (const member of change.put) {
    const place = before.places.get(toHex(member.key));
    if (place === undefined) {
      after.push(member);
      continue;
    }
    check(!gone.has(place), 'a validator that goes and stays');
    check(after[place].weight !== member.weight, 'a change that changes nothing');
    after[place].weight = member.weight;
  }
  return makeSet(after.filter((member, i) => !gone.has(i)));
}

// --- headers and finality ------------------------------------------------------------------------

function headerOf(bytes) {
  const r = new Reader(bytes);
  check(r.u8() === 1, 'a header of another version');
  check(r.u16() === 0, 'a block of another shard');
  const header = {bytes, height: r.u64(), epoch: r.u64(), view: r.u64(), parent: r.hash(),
    time: r.u64()};
  check(header.time <= (1n << 53n), 'a date beyond all dates');
  for (const name of ['bodyHash', 'justificationRoot', 'validatorsRoot', 'nextValidatorsRoot',
    'paramsHash', 'txRoot', 'utxoRoot', 'registryRoot', 'receiptsRoot', 'historyRoot',
    'evidenceRoot']) {
    header[name] = r.hash();
  }
  r.end();
  return header;
}

export function header(reader) {
  return headerOf(reader.take(419));
}

export function digestOf(header) {
  return tagged('kith/header/1', header.bytes);
}

function finality(reader) {
  const hasNext = reader.flag();
  const head = reader.take(3 * 8 + 32 + 8 + 2 * 32);
  const next = hasNext ? reader.hash() : zero;
  check(!hasNext || toHex(next) !== toHex(zero), 'a root that is written out as zero');
  const tail = reader.take(7 * 32);
  const whole = (validatorsRoot) =>
    headerOf(concat(Uint8Array.of(1, 0, 0), head, validatorsRoot, next, tail));
  const view = reader.u64();
  const parent = reader.u64();
  check(parent < view, 'a view that does not follow its parent');
  const count = reader.u16();
  check(count >= 1 && count <= 1024, `a certificate of ${count} validators`);
  const bits = reader.take((count + 7) >> 3);
  const signers = [];
  for (let i = 0; i < 8 * bits.length; i++) {
    if ((bits[i >> 3] & (0x80 >> (i & 7))) === 0) continue;
    check(i < count, 'a signer beyond the last validator');
    signers.push(i);
  }
  const signatures = signers.map(() => reader.take(64));
  return {epoch: whole(zero).epoch, whole, view, parent, count, signers, signatures};
}

// --- what the ledger has -------------------------------------------------------------------------

function listProof(bytes) {
  return whole(bytes, (r) => {
    const index = r.varint();
    const count = r.varint();
    check(index < count && count <= (1n << 40n), `entry ${index} of ${count}`);
    const path = [];
    for (let i = index, n = count; n > 1n; i >>= 1n, n = (n + 1n) >> 1n) {
      if ((i ^ 1n) < n) path.push(r.hash());
    }
    return {index, count, path};
  });
}
const readListProof = (reader) => listProof(reader.sized(12 + 32 * 40));

export function listRoot(entry, proof) {
  let node = tagged('kith/merkle-leaf/1', entry);
  let next = 0;
  for (let i = proof.index, n = proof.count; n > 1n; i >>= 1n, n = (n + 1n) >> 1n) {
    if ((i ^ 1n) >= n) continue;
    const sibling = proof.path[next++];
    node = i % 2n === 0n ? tagged('kith/merkle-node/1', node, sibling)
      : tagged('kith/merkle-node/1', sibling, node);
  }
  return tagged('kith/merkle-root/1', u64(proof.count), node);
}

function outputProof(bytes) {
  return whole(bytes, (r) => {
    const size = r.varint();
    check(size > 0n && size <= (1n << 48n), `${size} outputs`);
    const bitmap = r.take(32);
    const inside = Array.from({length: 8}, () => r.hash());
    const chunks = (size + 255n) / 256n;
    const upper = [];
    for (let n = 1n; n < chunks; n *= 2n) upper.push(r.hash());
    return {size, bitmap, inside, upper};
  });
}

/** The root, and whether the output is unspent there. */
export function outputRoot(index, leaf, proof) {
  check(index < proof.size, `output ${index} of ${proof.size}`);
  const join = (tag, sibling, at, node) =>
    at % 2n === 0n ? tagged(tag, node, sibling) : tagged(tag, sibling, node);
  let at = index;
  let node = leaf;
  for (const sibling of proof.inside) {
    node = join('kith/txo-leaf/1', sibling, at, node);
    at >>= 1n;
  }
  node = tagged('kith/txo-chunk/1', node, proof.bitmap);
  for (const sibling of proof.upper) {
    node = join('kith/txo-upper/1', sibling, at, node);
    at >>= 1n;
  }
  const place = Number(index % 256n);
  return {
    root: tagged('kith/txo-root/1', u64(proof.size), node),
    isUnspent: ((proof.bitmap[place >> 3] >> (place & 7)) & 1) === 1,
  };
}

const bitOf = (key, i) => (key[i >> 3] >> (7 - (i & 7))) & 1;

function sparseProof(bytes) {
  return whole(bytes, (r) => {
    const end = r.flag() ? {key: r.hash(), value: r.hash()} : null;
    const depth = r.u16();
    check(depth <= 256, `a sparse proof of ${depth} siblings`);
    const there = r.take((depth + 7) >> 3);
    const siblings = Array(depth).fill(zero);
    for (let i = 0; i < 8 * there.length; i++) {
      if (bitOf(there, i) === 0) continue;
      check(i < depth, 'a sibling beyond the depth');
      siblings[i] = r.hash();
      check(toHex(siblings[i]) !== toHex(zero), 'an empty sibling that is written out');
    }
    check(depth === 0 || bitOf(there, depth - 1) === 1, 'the last sibling is empty');
    return {end, siblings};
  });
}

/** The root, and the value of `key` there or null. */
export function sparseRoot(key, proof) {
  const {end, siblings} = proof;
  if (end !== null) {
    for (let i = 0; i < siblings.length; i++) {
      check(bitOf(end.key, i) === bitOf(key, i), 'a sparse proof that leaves the way of its key');
    }
  }
  let node = end === null ? zero : tagged('kith/sparse-leaf/1', end.key, end.value);
  for (let i = siblings.length; i-- > 0;) {
    node = bitOf(key, i) === 1 ? tagged('kith/sparse-node/1', siblings[i], node)
      : tagged('kith/sparse-node/1', node, siblings[i]);
  }
  const isIt = end !== null && toHex(end.key) === toHex(key);
  return {root: node, value: isIt ? end.value : null};
}

function output(reader) {
  check(reader.u8() === 0, 'an output of another version');
  check(reader.u8() === 0, 'a lock of another kind');
  const value = amount(reader);
  check(value > 0n, 'an output of nothing');
  return {value, lock: reader.hash()};
}

export function transaction(reader) {
  const begin = reader.at;
  check(reader.u8() === 1, 'a transaction of another version');
  const expiry = reader.u64();
  const fee = amount(reader);
  const named = new Set();
  const seen = new Set();
  const inputs = reader.u16();
  check(inputs >= 1 && inputs <= 1024, `${inputs} inputs`);
  for (let i = 0; i < inputs; i++) {
    const from = toHex(reader.take(36));
    check(!seen.has(from), 'an outpoint twice');
    seen.add(from);
    named.add(reader.u16());
  }
  const count = reader.u16();
  check(count <= 1024, `${count} outputs`);
  const outputs = Array.from({length: count}, () => output(reader));
  const sum = outputs.reduce((all, each) => all + each.value, fee);
  check(sum <= amountMax, 'outputs of more than there is');
  const actions = reader.u8();
  check(actions <= 16 && count + actions > 0, `${actions} actions`);
  for (let i = 0; i < actions; i++) {
    reader.u8();
    const witness = reader.u16();
    if (witness !== 0xffff) named.add(witness);
    const size = reader.u32();
    check(size <= 16 * 1024, `an action of ${size} bytes`);
    reader.take(size);
  }
  const witnesses = reader.u16();
  check(witnesses <= 256, `${witnesses} witnesses`);
  let before = null;
  for (let i = 0; i < witnesses; i++) {
    check(reader.u8() === 0, 'a key of another kind');
    const key = reader.take(32);
    check(before === null || Buffer.compare(before, key) < 0, 'witnesses out of order');
    check(named.has(i), 'a witness that nothing names');
    before = key;
  }
  for (const witness of named) check(witness < witnesses, 'a witness that is not there');
  const signed = reader.bytes.subarray(begin, reader.at);
  const signatures = reader.take(64 * witnesses);
  check(reader.at - begin <= 100 * 1024, 'a transaction over 100 KiB');
  const txid = tagged('kith/txid/1', signed);
  return {expiry, fee, outputs, txid, wtxid: tagged('kith/wtxid/1', txid, signatures)};
}

function entry(bytes) {
  return whole(bytes, (r) => {
    check(r.u8() === 1, 'an entry of another version');
    const found = {bytes, key: r.hash(), owner: r.hash(), status: r.u8(), stake: amount(r),
      weight: r.u64()};
    check(found.status <= 3, `a validator of status ${found.status}`);
    for (let i = 0; i < 3; i++) r.u64();
    r.u32();
    r.u32();
    check(r.u16() <= 10000, 'more uptime than there is');
    r.u64();
    r.u64();
    amount(r);
    const count = r.u8();
    check(count <= 32, `${count} unbondings`);
    let last = -1n;
    for (let i = 0; i < count; i++) {
      const epoch = r.u64();
      check(epoch > last && amount(r) > 0n, 'unbondings out of order, or of nothing');
      last = epoch;
    }
    return found;
  });
}

export function params(reader) {
  const begin = reader.at;
  const version = reader.u8();
  check(version === 1 || version === 2, 'parameters of another version');
  reader.take(4 + 4 + 8 + 8 + 8 + 8 + 2 + 2 + 32);
  const found = {epochBlocks: BigInt(reader.u32()), intervalMs: BigInt(reader.u32())};
  reader.u32();
  found.minStake = reader.u64();
  found.tiers = Array.from({length: reader.u8()},
    () => ({stake: reader.u64(), weight: reader.u64()}));
  reader.u16();
  found.unbondingEpochs = BigInt(reader.u32());
  reader.take(4 + 2 + 4 + 2 + 2 + 4);
  found.hrp = Buffer.from(reader.take(reader.u8())).toString('latin1');
  found.isComputing = version === 2;
  if (found.isComputing) reader.take(2 + 2 + 8 + 8 + 4 + 4);
  check(found.epochBlocks >= 2n && found.unbondingEpochs >= 1n, 'parameters that cannot be');
  found.hash = tagged('kith/params/1', reader.bytes.subarray(begin, reader.at));
  return found;
}

export function genesis(bytes) {
  return whole(bytes, (r) => {
    check(r.u8() === 1, 'a genesis of another version');
    r.take(r.u8());
    check(r.u32() === 0, 'another shard');
    const found = {hash: tagged('kith/genesis/1', bytes), time: r.u64(), params: params(r)};
    const outputs = r.u32();
    check(outputs <= 65536, `${outputs} outputs`);
    r.take(42 * outputs);
    const validators = Array.from({length: r.u16()},
      () => ({key: r.hash(), owner: r.hash(), stake: r.u64()}));
    const {minStake, tiers} = found.params;
    const weightOf = (stake) => {
      if (stake < minStake) return 0n;
      if (tiers.length === 0) return stake / 100000000n;
      return tiers.reduce((weight, tier) => (stake >= tier.stake ? tier.weight : weight), 0n);
    };
    found.set = makeSet(validators
      .map(({key, stake}) => ({key, weight: weightOf(stake)}))
      .filter(({weight}) => weight > 0n));
    return found;
  });
}

// --- entries of accounts and jobs (accounts.md, compute.md) --------------------------------------

/** How many bytes an id of each kind has. */
const idSizes =
  {1: 32, 2: 32, 3: 32, 4: 8, 5: 12, 6: 12, 7: 8, 8: 12, 9: 0, 10: 40, 11: 40, 12: 0, 13: 40};

export const accountKind = 1;
export const memberKind = 10;
export const findKind = 13;

export function accountEntry(bytes) {
  return whole(bytes, (r) => {
    check(r.u8() === 1, 'an account of another version');
    const found = {key: r.hash(), lock: r.hash(),
      name: Buffer.from(r.take(r.u8())).toString('latin1')};
    r.hash();
    r.u64();
    found.bond = amount(r);
    amount(r);
    const parts = r.u8();
    check(parts <= 32, `${parts} unbondings`);
    for (let i = 0; i < parts; i++) {
      r.u64();
      amount(r);
    }
    amount(r);
    found.isTeam = r.flag();
    found.team = r.hash();
    const workers = r.u8();
    check(workers <= 64, `${workers} workers`);
    found.workers = Array.from({length: workers}, () => r.hash());
    return found;
  });
}

export function memberEntry(bytes) {
  return whole(bytes, (r) => {
    check(r.u8() === 1, 'a member of another version');
    const found = {passed: r.u32(), faults: r.u32()};
    const rounds = r.u8();
    check(rounds <= 32, `${rounds} overdue rounds`);
    r.take(16 * rounds);
    found.slots = r.u32();
    return Object.assign(found, {tasks: r.u64(), units: r.u64(), checks: r.u64()});
  });
}

export function findEntry(bytes) {
  return whole(bytes, (r) => {
    check(r.u8() === 1, 'a find of another version');
    return {account: r.hash(), worker: r.hash(), task: r.u64(), unit: r.u16(),
      number: r.take(16), what: r.u8(), height: r.u64()};
  });
}

const certificateMagic = Buffer.from('kith-certificate', 'latin1');

export function isCertificate(bytes) {
  return Buffer.compare(Buffer.from(bytes.subarray(0, 16)), certificateMagic) === 0;
}

/** What is signed, and a proof of it. */
export function certificate(bytes) {
  return whole(bytes, (r) => {
    check(isCertificate(r.take(16)), 'no certificate');
    check(r.u8() === 1, 'a certificate of another version');
    const found = {genesis: r.hash(), account: r.hash(), height: r.u64(), work: null, find: null};
    const of = r.u8();
    check(of <= 2, `a certificate of ${of}`);
    if (of === 1) found.work = {job: r.u64(), tasks: r.u64(), units: r.u64(), checks: r.u64()};
    if (of === 2) {
      found.find = {job: r.u64(), name: r.hash(), number: r.take(16), what: r.u8()};
      check(found.find.what === 1 || found.find.what === 2, `a find that is ${found.find.what}`);
    }
    found.message = tagged('kith/certificate/1', bytes.subarray(0, r.at));
    found.signature = r.take(64);
    found.proof = proof(r.take(r.u32()));
    return found;
  });
}

// --- proofs --------------------------------------------------------------------------------------

function start(reader) {
  const kind = reader.u8();
  check(kind <= 2, `a proof that begins with ${kind}`);
  if (kind === 0) return null;
  if (kind === 1) {
    const size = reader.u32();
    check(size <= 4 * 1024 * 1024, `a genesis of ${size} bytes`);
    return {genesis: genesis(reader.take(size))};
  }
  const block = header(reader);
  const rules = whole(reader.sized(1024), params);
  return {block, params: rules, set: makeSet(members(reader))};
}

function block(reader) {
  return {header: header(reader), history: readListProof(reader)};
}

function claim(reader) {
  const kind = reader.u8();
  switch (kind) {
    case 1: return {kind: 'block', ...block(reader)};
    case 2: {
      const beneath = reader.flag() ? block(reader) : null;
      return {kind: 'tx', block: beneath, tx: transaction(reader), place: readListProof(reader)};
    }
    case 3: {
      const bytes = reader.take(36 + 8 + 42 + 8);
      const r = new Reader(bytes);
      const found = {kind: 'output', txid: r.hash(), index: r.u32(), position: r.u64(),
        output: output(r), height: r.u64()};
      found.leaf = tagged('kith/output/1', bytes.subarray(0, 36), bytes.subarray(36));
      found.proof = outputProof(reader.sized(9 + 32 + 32 * 48));
      return found;
    }
    case 4: {
      const key = reader.hash();
      const there = reader.flag() ? entry(reader.sized(1024)) : null;
      return {kind: 'validator', key, entry: there,
        proof: sparseProof(reader.sized(1 + 64 + 2 + 32 + 32 * 256))};
    }
    case 5: {
      const of = reader.u8();
      check(Object.hasOwn(idSizes, of), `an entry of kind ${of}`);
      const id = reader.take(idSizes[of]);
      const bytes = reader.flag() ? reader.sized(65536) : null;
      check(bytes === null || bytes.length > 0, 'an entry of no bytes');
      return {kind: 'entry', of, id, bytes,
        proof: sparseProof(reader.sized(1 + 64 + 2 + 32 + 32 * 256))};
    }
    default: return check(false, `a claim of kind ${kind}`);
  }
}

export function proof(bytes) {
  check(bytes.length <= 16 * 1024 * 1024, `a proof of ${bytes.length} bytes`);
  return whole(bytes, (r) => {
    check(r.u8() === 1, 'a proof of another version');
    const found = {start: start(r), steps: [], last: null, claims: []};
    const steps = r.u16();
    check(steps <= 4096, `${steps} steps`);
    for (let i = 0; i < steps; i++) found.steps.push({finality: finality(r), change: change(r)});
    if (r.flag()) found.last = finality(r);
    const claims = r.u8();
    check(claims <= 16, `${claims} claims`);
    for (let i = 0; i < claims; i++) found.claims.push(claim(r));
    return found;
  });
}
