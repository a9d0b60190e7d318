// A light client: "Following a chain" of docs/protocol/light.md. Written from that page, apart from
// the node's own code, so that the two check each other.
//
//   const client = LightClient.fromGenesis(hash, proof.start)
//   const verdict = client.verify(decodeProof(bytes), Date.now())
//
// Signatures are judged by node:crypto, which is stricter than ZIP-215 (light.md, Signatures): it
// believes nothing that the node refuses.
import {createPublicKey, verify as verifySignature} from 'node:crypto';
import {check, concat, equal, tagged, toHex, u64, zero} from './bytes.js';
import {accountEntry, accountKind, applyChange, digestOf, findEntry, findKind, listRoot,
  memberEntry, memberKind, outputRoot, proof as decodeProof, sparseRoot} from './formats.js';

export {Refused} from './bytes.js';
export {decodeProof};

const driftMs = 60000n;
/** Before the 32 bytes of an Ed25519 key in the form that node:crypto reads (RFC 8410). */
const spki = Buffer.from('302a300506032b6570032100', 'hex');

function isSigned(key, message, signature) {
  try {
    const object = createPublicKey({key: Buffer.concat([spki, key]), format: 'der', type: 'spki'});
    return verifySignature(null, message, object, signature);
  } catch {
    return false; // no key at all
  }
}

/** The header, whole again, once a quorum of the set is known to have finalized it. */
export function verifyFinality(finality, genesisHash, set) {
  const header = finality.whole(set.root);
  const digest = digestOf(header);
  check(finality.count === set.members.length,
    `a certificate of ${finality.count} validators where there are ${set.members.length}`);
  const weight = finality.signers.reduce((sum, i) => sum + set.members[i].weight, 0n);
  check(weight >= set.quorum, `a certificate of weight ${weight}, a quorum is ${set.quorum}`);
  const message = concat(Buffer.from('kith/vote/1\0', 'ascii'), genesisHash, u64(header.epoch),
    Uint8Array.of(3), u64(finality.view), u64(finality.parent), digest);
  finality.signers.forEach((signer, i) => {
    check(isSigned(set.members[signer].key, message, finality.signatures[i]),
      `the signature of validator ${signer} is wrong`);
  });
  return {header, digest, weight};
}

function checkBlock(claim, under) {
  const digest = digestOf(claim.header);
  check(claim.history.index === claim.header.height && claim.history.count === under.height,
    'a block that is shown at another height than its own');
  check(equal(listRoot(digest, claim.history), under.historyRoot),
    'a block that the history does not have');
  return digest;
}

function factOf(claim, under) {
  switch (claim.kind) {
    case 'block':
      return {kind: 'block', digest: checkBlock(claim, under), header: claim.header};
    case 'tx': {
      if (claim.block !== null) checkBlock(claim.block, under);
      const header = claim.block === null ? under : claim.block.header;
      check(equal(listRoot(claim.tx.wtxid, claim.place), header.txRoot),
        'a transaction that the block does not have');
      return {kind: 'tx', tx: claim.tx, header};
    }
    case 'output': {
      check(claim.height <= under.height, 'an output of a later block');
      const found = outputRoot(claim.position, claim.leaf, claim.proof);
      check(equal(found.root, under.utxoRoot), 'an output that the chain does not have');
      return {...claim, isUnspent: found.isUnspent};
    }
    case 'entry': {
      const of = Uint8Array.of(claim.of);
      const found = sparseRoot(tagged('kith/entry-key/1', of, claim.id), claim.proof);
      check(equal(found.root, under.registryRoot), 'a proof of another registry');
      check((found.value !== null) === (claim.bytes !== null), 'an entry that the proof denies');
      check(claim.bytes === null || equal(found.value, tagged('kith/entry/1', of, claim.bytes)),
        'another entry than the registry has');
      return {kind: 'entry', of: claim.of, id: claim.id, bytes: claim.bytes};
    }
    default: {
      const found = sparseRoot(tagged('kith/registry-key/1', claim.key), claim.proof);
      check(equal(found.root, under.registryRoot), 'a proof of another registry');
      check((found.value !== null) === (claim.entry !== null), 'an entry that the proof denies');
      if (claim.entry !== null) {
        check(equal(claim.entry.key, claim.key), 'the entry of another validator');
        check(equal(found.value, tagged('kith/validator/1', claim.entry.bytes)),
          'another entry than the registry has');
      }
      return {kind: 'validator', key: claim.key, entry: claim.entry};
    }
  }
}

/** That the account signed the certificate, and that the verdict on its proof says the same. */
export function checkCertificate(certificate, genesisHash, verdict) {
  check(equal(certificate.genesis, genesisHash), 'a certificate of another chain');
  check(certificate.height === verdict.header.height, 'a certificate of another block');
  const entryOf = (of, id) => {
    const fact = verdict.facts.find((each) =>
      each.kind === 'entry' && each.of === of && equal(each.id, id) && each.bytes !== null);
    check(fact !== undefined, `no entry of kind ${of} is proven`);
    return fact.bytes;
  };
  const account = accountEntry(entryOf(accountKind, certificate.account));
  check(isSigned(account.key, certificate.message, certificate.signature),
    'a certificate that the account has not signed');
  const {work, find} = certificate;
  let found = null;
  if (find !== null) {
    found = findEntry(entryOf(findKind, concat(u64(find.job), find.name)));
    check(equal(found.account, certificate.account) && equal(found.number, find.number) &&
      found.what === find.what, 'a certificate of a find that the chain does not have');
  }
  if (work !== null) {
    const member = memberEntry(entryOf(memberKind, concat(u64(work.job), certificate.account)));
    check(member.tasks === work.tasks && member.units === work.units &&
      member.checks === work.checks, 'a certificate that says what the chain does not');
  }
  return {account, work, find, found};
}

export class LightClient {
  constructor(genesis, params, at, options) {
    Object.assign(this, {genesis, params, at, hasForked: false});
    const {trustingPeriodMs = null, trustsOldKeys = false} = options;
    this.trustsOldKeys = trustsOldKeys;
    this.periodMs = trustingPeriodMs === null
      ? 2n * params.unbondingEpochs * params.epochBlocks * params.intervalMs / 3n
      : BigInt(trustingPeriodMs);
    check(trustsOldKeys || trustingPeriodMs !== null || params.intervalMs > 0n,
      'the chain has no block interval: say how long its validators are trusted');
  }

  /** `start`: of a proof, or {genesis} of the file. */
  static fromGenesis(hash, start, options = {}) {
    check(start !== null && start.genesis !== undefined, 'the proof does not begin with a genesis');
    const {genesis} = start;
    check(equal(genesis.hash, hash), 'another genesis than the one that is trusted');
    const at = {epoch: 0n, set: genesis.set, height: 0n, digest: hash, time: genesis.time};
    return new LightClient(hash, genesis.params, at, options);
  }

  static fromCheckpoint(genesisHash, height, digest, start, options = {}) {
    check(start !== null && start.block !== undefined, 'the proof does not begin with a block');
    const {block, params, set} = start;
    check(block.height === BigInt(height) && equal(digestOf(block), digest),
      'another block than the checkpoint');
    check(equal(params.hash, block.paramsHash), 'other parameters than the checkpoint has');
    check(equal(set.root, block.validatorsRoot), 'other validators than the checkpoint has');
    const client = new LightClient(genesisHash, params,
      {epoch: block.epoch, set, height: block.height, digest, time: block.time}, options);
    client.checkHeader(block);
    return client;
  }

  checkHeader(header) {
    const {epochBlocks} = this.params;
    check(header.height > 0n && (header.height - 1n) / epochBlocks === header.epoch,
      `block ${header.height} in epoch ${header.epoch}`);
    check(equal(header.paramsHash, this.params.hash), 'other parameters than the chain has');
    check((header.height % epochBlocks === 0n) !== equal(header.nextValidatorsRoot, zero),
      'the next validators are named at the ends of epochs alone');
  }

  checkFinal(at, finality, set, now) {
    const final = verifyFinality(finality, this.genesis, set);
    const {header, digest} = final;
    this.checkHeader(header);
    check(header.time <= now + driftMs, 'a block that is dated ahead of our clock');
    const isSame = equal(digest, at.digest);
    if (header.height === at.height && !isSame) this.hasForked = true;
    check(!this.hasForked, `a fork at height ${header.height}`);
    check(isSame || (header.height > at.height && header.time > at.time),
      `block ${header.height} does not follow block ${at.height}`);
    Object.assign(at, {height: header.height, digest, time: header.time});
    return final;
  }

  follow(at, step, now) {
    const {finality, change} = step;
    check(finality.epoch >= at.epoch, `a step of epoch ${finality.epoch}, ${at.epoch} is known`);
    const set = applyChange(change, at.set);
    if (finality.epoch === at.epoch) {
      const final = this.checkFinal(at, finality, at.set, now);
      check(!equal(final.header.nextValidatorsRoot, zero), 'a step that ends no epoch');
      check(equal(set.root, final.header.nextValidatorsRoot), 'other validators than it names');
      Object.assign(at, {epoch: at.epoch + 1n, set});
      return final;
    }
    check(finality.epoch - at.epoch <= this.params.unbondingEpochs, 'a step over too many epochs');
    const trusted = at.set;
    const final = this.checkFinal(at, finality, set, now);
    const weight = finality.signers.reduce((sum, i) => {
      const place = trusted.places.get(toHex(set.members[i].key));
      return place === undefined ? sum : sum + trusted.members[place].weight;
    }, 0n);
    check(weight > trusted.faulty, `only a weight of ${weight} of ${trusted.total} stands by it`);
    Object.assign(at, {epoch: finality.epoch, set});
    return final;
  }

  /** What the proof proves; throws Refused, and then nothing has changed. */
  verify(proof, nowMs) {
    const now = BigInt(nowMs);
    check(!this.hasForked, 'this chain has forked');
    const isOldTrust = now - this.at.time > this.periodMs;
    check(!isOldTrust || this.trustsOldKeys,
      'what is trusted is older than the trusting period: a newer checkpoint is needed');
    const at = {...this.at};
    let final = null;
    for (const step of proof.steps) final = this.follow(at, step, now);
    if (proof.last !== null) {
      check(proof.last.epoch === at.epoch, `a block of epoch ${proof.last.epoch}`);
      final = this.checkFinal(at, proof.last, at.set, now);
    }
    check(final !== null, 'a proof without a final block');
    const facts = proof.claims.map((claim) => {
      const fact = factOf(claim, final.header);
      if (fact.kind === 'block' && this.at.height > 0n && fact.header.height === this.at.height &&
          !equal(fact.digest, this.at.digest)) {
        this.hasForked = true;
        check(false, `a fork beneath height ${final.header.height}`);
      }
      return fact;
    });
    this.at = at;
    return {...final, isOldTrust, facts};
  }
}
