package main

import (
	"encoding/binary"
	"errors"
	"io"
	"sync"

	"github.com/libp2p/go-libp2p/core/network"
)

// The protocols watch, early and fate: how named streams ended at this side.

type name [8]byte

// fate is 'E' for an end or 'R' for a reset, and the big-endian count of bytes behind the name.
type fate [9]byte

type fates struct {
	mutex   sync.Mutex
	changed *sync.Cond
	known   map[name]fate
}

func newFates() *fates {
	f := &fates{known: map[name]fate{}}
	f.changed = sync.NewCond(&f.mutex)
	return f
}

func (f *fates) serveWatch(s network.Stream) error {
	var of name
	if _, err := io.ReadFull(s, of[:]); err != nil {
		return err
	}
	if _, err := s.Write(of[:]); err != nil {
		return err
	}
	if err := f.note(of, s); err != nil {
		return nil // Reset, which is what was to be noted.
	}
	if _, err := s.Write([]byte{1}); err != nil {
		return err
	}
	return s.Close()
}

func (f *fates) serveEarly(s network.Stream) error {
	var of name
	if _, err := io.ReadFull(s, of[:]); err != nil {
		return err
	}
	if err := s.CloseWrite(); err != nil {
		return err
	}
	if err := f.note(of, s); err != nil {
		return err
	}
	return s.Close()
}

// note reads to the end and keeps how it came.
func (f *fates) note(of name, s network.Stream) error {
	count, err := drain(s)
	if err != nil && !errors.Is(err, network.ErrReset) {
		return err
	}
	noted := fate{'E'}
	if err != nil {
		noted[0] = 'R'
	}
	binary.BigEndian.PutUint64(noted[1:], count)
	f.mutex.Lock()
	defer f.mutex.Unlock()
	f.known[of] = noted
	f.changed.Broadcast()
	return err
}

func (f *fates) serveFate(s network.Stream) error {
	var of name
	if _, err := io.ReadFull(s, of[:]); err != nil {
		return err
	}
	f.mutex.Lock()
	told, known := f.known[of]
	for ; !known; told, known = f.known[of] {
		f.changed.Wait()
	}
	f.mutex.Unlock()
	if _, err := s.Write(told[:]); err != nil {
		return err
	}
	return s.Close()
}
