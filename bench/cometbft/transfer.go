package main

import (
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"

	"github.com/cometbft/cometbft/crypto/ed25519"
)

// A transfer has the fields of Kith's transactions (docs/protocol/ledger.md), in their order and
// sizes: 244 bytes with one input, two outputs and one signature. Only the hash is another.
const (
	transferBytes = signedBytes + ed25519.SignatureSize
	signedBytes   = 1 + 8 + 8 + 2 + 38 + 2 + 2*42 + 2 + 2 + 1 + ed25519.PubKeySize
	pointBytes    = 36
)

type hash [sha256.Size]byte

// Which output of which transfer.
type point [pointBytes]byte

func pointOf(id hash, index uint32) (p point) {
	copy(p[:], id[:])
	binary.BigEndian.PutUint32(p[len(id):], index)
	return p
}

// A coin is what may be spent: an amount, and the hash of the key that may spend it.
type coin struct {
	value uint64
	lock  hash
}

type transfer struct {
	fee       uint64
	input     point
	outputs   [2]coin
	key       [ed25519.PubKeySize]byte
	signature [ed25519.SignatureSize]byte
}

// signedPart is all but the signature; its hash is the transfer's identity.
func (t *transfer) signedPart() []byte {
	b := make([]byte, 0, transferBytes)
	b = append(b, 1)                        // version
	b = binary.BigEndian.AppendUint64(b, 0) // expiry: never
	b = binary.BigEndian.AppendUint64(b, t.fee)
	b = binary.BigEndian.AppendUint16(b, 1) // inputs
	b = append(b, t.input[:]...)
	b = binary.BigEndian.AppendUint16(b, 0) // the input's witness
	b = binary.BigEndian.AppendUint16(b, 2) // outputs
	for _, output := range t.outputs {
		b = append(b, 1, 0) // version, kind of lock
		b = binary.BigEndian.AppendUint64(b, output.value)
		b = append(b, output.lock[:]...)
	}
	b = binary.BigEndian.AppendUint16(b, 0) // actions
	b = binary.BigEndian.AppendUint16(b, 1) // witnesses
	b = append(b, 0)                        // kind of key
	return append(b, t.key[:]...)
}

func (t *transfer) encode() []byte { return append(t.signedPart(), t.signature[:]...) }

func (t *transfer) id() hash { return sha256.Sum256(t.signedPart()) }

// sign returns the encoded transfer.
func (t *transfer) sign(key ed25519.PrivKey, chain string) ([]byte, error) {
	part := t.signedPart()
	message := signedMessage(part, chain)
	signature, err := key.Sign(message[:])
	copy(t.signature[:], signature)
	return append(part, signature...), err
}

func (t *transfer) isSignatureGood(chain string) bool {
	message := signedMessage(t.signedPart(), chain)
	return ed25519.PubKey(t.key[:]).VerifySignature(message[:], t.signature[:])
}

func signedMessage(part []byte, chain string) hash {
	return sha256.Sum256(append([]byte("kith/bench/"+chain), part...))
}

func lockOf(key []byte) hash { return sha256.Sum256(key) }

// decode takes exactly what encode gives.
func decode(b []byte) (*transfer, error) {
	if len(b) != transferBytes {
		return nil, fmt.Errorf("a transfer of %d bytes, not %d", len(b), transferBytes)
	}
	t := &transfer{fee: binary.BigEndian.Uint64(b[9:])}
	copy(t.input[:], b[19:])
	at := 19 + pointBytes + 2 + 2
	for i := range t.outputs {
		t.outputs[i].value = binary.BigEndian.Uint64(b[at+2:])
		copy(t.outputs[i].lock[:], b[at+10:])
		at += 42
	}
	copy(t.key[:], b[at+5:])
	copy(t.signature[:], b[signedBytes:])
	if string(t.signedPart()) != string(b[:signedBytes]) {
		return nil, errors.New("a transfer in another form")
	}
	return t, nil
}

// check says whether the transfer may spend that coin.
func (t *transfer) check(spent coin) error {
	if lockOf(t.key[:]) != spent.lock {
		return errors.New("not the key of that coin")
	}
	left := spent.value
	for _, part := range []uint64{t.fee, t.outputs[0].value, t.outputs[1].value} {
		if part > left {
			return errors.New("more is paid than the coin has")
		}
		left -= part
	}
	if left != 0 {
		return errors.New("less is paid than the coin has")
	}
	return nil
}
