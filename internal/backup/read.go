package backup

import (
	"bufio"
	"crypto/sha256"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
)

// File is a backup that is whole.
type File struct {
	Header Header
	Footer Footer
	f      *os.File
	start  int64 // of the rows
	end    int64 // and where they end
}

// Open reads a backup through to the end and refuses one that is not whole.
// Errors: ErrNoBackup, ErrDamaged, ErrNewer, those of the disk.
func Open(path string) (*File, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	b := &File{f: f}
	if err := b.read(); err != nil {
		return nil, errors.Join(fmt.Errorf("%s %w", path, err), f.Close())
	}
	return b, nil
}

func (b *File) read() error {
	version, err := b.check()
	if err != nil {
		return err
	}
	if version > format {
		return ErrNewer
	}
	if err := b.readHeader(); err != nil {
		return err
	}
	return b.readFooter()
}

// check compares the checksum and gives the format's number.
func (b *File) check() (version uint32, err error) {
	info, err := b.f.Stat()
	if err != nil {
		return 0, err
	}
	start := make([]byte, headStart)
	if n, _ := io.ReadFull(b.f, start); n < len(magic) || string(start[:len(magic)]) != magic {
		return 0, ErrNoBackup
	}
	if b.end = info.Size() - sumSize; b.end < int64(headStart+tailSize-sumSize) {
		return 0, ErrDamaged
	}
	sum := sha256.New()
	if _, err := io.Copy(sum, io.NewSectionReader(b.f, 0, b.end)); err != nil {
		return 0, err
	}
	want := make([]byte, sumSize)
	if _, err := b.f.ReadAt(want, b.end); err != nil {
		return 0, err
	}
	if string(sum.Sum(nil)) != string(want) {
		return 0, ErrDamaged
	}
	return binary.BigEndian.Uint32(start[len(magic):]), nil
}

func (b *File) readHeader() error {
	size, err := b.length(int64(len(magic) + 4))
	if err != nil {
		return err
	}
	b.start = int64(headStart) + size
	return b.json(int64(headStart), size, &b.Header)
}

func (b *File) readFooter() error {
	b.end -= 4
	size, err := b.length(b.end)
	if err != nil {
		return err
	}
	b.end -= size
	return b.json(b.end, size, &b.Footer)
}

func (b *File) length(at int64) (int64, error) {
	var buf [4]byte
	if _, err := b.f.ReadAt(buf[:], at); err != nil {
		return 0, err
	}
	size := int64(binary.BigEndian.Uint32(buf[:]))
	if size > maxJSON || at+size < 0 {
		return 0, ErrDamaged
	}
	return size, nil
}

func (b *File) json(at, size int64, to any) error {
	data := make([]byte, size)
	if _, err := b.f.ReadAt(data, at); err != nil {
		return err
	}
	if json.Unmarshal(data, to) != nil {
		return ErrDamaged
	}
	return nil
}

// tables calls f for every table, which reads the rows of each with the rows
// function that it is given, to the last one.
func (b *File) tables(f func(t *Table, next func(*row) (bool, error)) error) error {
	from := bufio.NewReaderSize(io.NewSectionReader(b.f, b.start, b.end-b.start), 1<<18)
	for i := range b.Header.Tables {
		t := &b.Header.Tables[i]
		if err := f(t, func(r *row) (bool, error) { return r.read(from, t) }); err != nil {
			return fmt.Errorf("table %s: %w", t.Name, err)
		}
	}
	return nil
}

// Close closes the file.
func (b *File) Close() error { return b.f.Close() }
