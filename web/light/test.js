// node test.js [GOLDEN]: every line of tests/golden/chain_proof.txt, and the true ones with bytes
// changed. Exits with 1 when anything is believed that is not so, or the reverse.
import {readFileSync} from 'node:fs';
import {fromHex, Refused} from './bytes.js';
import {decodeProof, LightClient} from './light.js';

const golden = process.argv[2] ?? new URL('../../tests/golden/chain_proof.txt', import.meta.url);

function believes(genesis, checkpoint, period, now, bytes) {
  try {
    const proof = decodeProof(bytes);
    const options = {trustingPeriodMs: period};
    const client = checkpoint === '-'
      ? LightClient.fromGenesis(fromHex(genesis), proof.start, options)
      : LightClient.fromCheckpoint(fromHex(genesis), checkpoint.split(':')[0],
        fromHex(checkpoint.split(':')[1]), proof.start, options);
    client.verify(proof, now);
    return true;
  } catch (error) {
    if (error instanceof Refused) return false;
    throw error;
  }
}

let lines = 0;
let changed = 0;
let wrong = 0;
for (const line of readFileSync(golden, 'utf8').split('\n')) {
  if (line === '' || line.startsWith('#')) continue;
  const [name, genesis, checkpoint, period, now, holds, hex] = line.split(' ');
  const bytes = fromHex(hex);
  lines++;
  if (believes(genesis, checkpoint, period, now, bytes) !== (holds === 'yes')) {
    wrong++;
    console.error(`${name}: ${holds} is right`);
  }
  // That a validator or an entry is not there holds of others too, whose keys differ in a bit.
  if (holds !== 'yes' || name === 'no-validator' || name === 'no-entry') continue;
  // Every seventh byte, others in each line, and a bit that differs from byte to byte.
  for (let i = lines % 7; i < bytes.length; i += 7) {
    const bad = Uint8Array.from(bytes);
    bad[i] ^= 1 << (i % 8);
    changed++;
    if (believes(genesis, checkpoint, period, now, bad)) {
      wrong++;
      console.error(`${name}: believed with byte ${i} changed`);
    }
  }
  for (const size of [0, 1, bytes.length >> 1, bytes.length - 1]) {
    changed++;
    if (believes(genesis, checkpoint, period, now, bytes.subarray(0, size))) wrong++;
  }
}
console.log(JSON.stringify({lines, changed, wrong}));
process.exitCode = wrong === 0 && lines > 0 ? 0 : 1;
