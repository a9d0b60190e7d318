#!/usr/bin/env node
// node verify.js --genesis HASH|FILE [--checkpoint HEIGHT:DIGEST] [--trusting-period MS]
//                [--trust-old-keys] [--now MS] PROOF...      (or certificates of accounts)
// Prints a line of JSON for each proof, as `kith light verify --json` does; 4 when one is false.
import {readFileSync} from 'node:fs';
import {parseArgs} from 'node:util';
import {fromHex, Refused, toHex} from './bytes.js';
import {certificate as readCertificate, genesis as readGenesis, isCertificate}
  from './formats.js';
import {checkCertificate, decodeProof, LightClient} from './light.js';

const number = (value) => (value <= 2n ** 53n ? Number(value) : String(value));

function factView(fact) {
  switch (fact.kind) {
    case 'block':
      return {kind: 'block', height: number(fact.header.height), digest: toHex(fact.digest),
        time_ms: number(fact.header.time)};
    case 'tx':
      return {kind: 'tx', txid: toHex(fact.tx.txid), height: number(fact.header.height),
        time_ms: number(fact.header.time), fee: number(fact.tx.fee),
        outputs: fact.tx.outputs.map((o) => ({amount: number(o.value), lock: toHex(o.lock)}))};
    case 'output':
      return {kind: 'output', outpoint: `${toHex(fact.txid)}:${fact.index}`,
        unspent: fact.isUnspent, height: number(fact.height), amount: number(fact.output.value),
        lock: toHex(fact.output.lock)};
    case 'entry':
      return {kind: 'entry', entry_kind: fact.of, id: toHex(fact.id), there: fact.bytes !== null,
        entry: fact.bytes === null ? null : toHex(fact.bytes)};
    default:
      return {kind: 'validator', key: toHex(fact.key), registered: fact.entry !== null,
        ...(fact.entry === null ? {} : {stake: number(fact.entry.stake),
          weight: number(fact.entry.weight)})};
  }
}

function certificateView(certificate, genesis, verdict) {
  const {account, work, find, found} = checkCertificate(certificate, genesis, verdict);
  const whose = {account: toHex(certificate.account),
    name: account.name === '' ? null : account.name};
  if (find !== null) {
    return {...whose, job: number(find.job), find: toHex(find.name),
      number: BigInt(`0x${toHex(found.number)}`).toString(),
      what: found.what === 1 ? 'counterexample' : 'record', worker: toHex(found.worker),
      task: number(found.task), unit: found.unit, found_at: number(found.height)};
  }
  return {...whose, job: work === null ? null : number(work.job), ...(work === null ? {} : {
    tasks: number(work.tasks), units: number(work.units), checks: number(work.checks)})};
}

function check(file, values) {
  let bytes = new Uint8Array(readFileSync(file));
  if (bytes[0] === 0x30) bytes = fromHex(Buffer.from(bytes).toString('latin1').trim());
  const certificate = isCertificate(bytes) ? readCertificate(bytes) : null;
  const proof = certificate === null ? decodeProof(bytes) : certificate.proof;
  const options = {trustsOldKeys: values['trust-old-keys'],
    trustingPeriodMs: values['trusting-period'] ?? null};
  const isHash = /^[0-9a-fA-F]{64}$/.test(values.genesis);
  const known = isHash ? null : readGenesis(new Uint8Array(readFileSync(values.genesis)));
  const hash = isHash ? fromHex(values.genesis) : known.hash;
  let client;
  if (values.checkpoint) {
    const [height, digest] = values.checkpoint.split(':');
    client = LightClient.fromCheckpoint(hash, height, fromHex(digest), proof.start, options);
  } else {
    const start = proof.start === null && known !== null ? {genesis: known} : proof.start;
    client = LightClient.fromGenesis(hash, start, options);
  }
  const verdict = client.verify(proof, values.now ?? Date.now());
  const certified = certificate === null ? {}
    : {certificate: certificateView(certificate, hash, verdict)};
  return {valid: true, ...certified, genesis: toHex(hash), height: number(verdict.header.height),
    digest: toHex(verdict.digest), time_ms: number(verdict.header.time),
    epoch: number(verdict.header.epoch), signed: number(verdict.weight),
    trusts_old_keys: verdict.isOldTrust, facts: verdict.facts.map(factView)};
}

const {values, positionals} = parseArgs({
  allowPositionals: true,
  options: {
    genesis: {type: 'string'}, checkpoint: {type: 'string'}, now: {type: 'string'},
    'trusting-period': {type: 'string'}, 'trust-old-keys': {type: 'boolean', default: false},
  },
});
if (values.genesis === undefined || positionals.length === 0) {
  console.error('verify.js --genesis HASH|FILE [--checkpoint HEIGHT:DIGEST] PROOF...');
  process.exit(2);
}
for (const file of positionals) {
  try {
    console.log(JSON.stringify(check(file, values)));
  } catch (error) {
    if (!(error instanceof Refused)) throw error;
    console.log(JSON.stringify({valid: false, error: error.message}));
    process.exitCode = 4;
  }
}
