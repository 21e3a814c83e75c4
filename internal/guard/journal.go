package guard

import (
	"encoding/binary"

	"yanma.dev/yanma/internal/core"
)

// A journal row is a sequence of frames, one per Taken, so that the rows of a
// batch can be joined byte by byte:
//
//	1 byte    number of events, 1 to 255
//	6 bytes   their time, Unix milliseconds, big-endian
//	per event 1 byte retention, 8 bytes subject, big-endian
const (
	frameHeader = 7
	frameEvent  = 9
	frameMax    = 255
)

// Journal appends the events that outlast a restart to dst: those of rules
// with a window over two minutes. It appends nothing when there are none.
func (t Taken) Journal(dst []byte) []byte {
	header, n := len(dst), 0
	for i := range t.count {
		m := t.Mark(i)
		if m.Retention <= ShortRetention {
			continue
		}
		if n%frameMax == 0 {
			header = len(dst)
			dst = append(dst, 0)
			dst = appendMillis(dst, t.at)
		}
		dst = append(dst, byte(m.Retention))
		dst = binary.BigEndian.AppendUint64(dst, m.Subject)
		n++
		dst[header]++
	}
	return dst
}

func appendMillis(dst []byte, at int64) []byte {
	return append(dst, byte(at>>40), byte(at>>32), byte(at>>24), byte(at>>16), byte(at>>8), byte(at))
}

// ReadJournal hands every event of a row to event, its time in Unix
// milliseconds. It returns an error for a row that is cut short or holds an
// unknown retention; the events before that point were handed over.
func ReadJournal(row []byte, event func(at int64, m Mark)) error {
	for len(row) > 0 {
		n := int(row[0])
		size := frameHeader + n*frameEvent
		if n == 0 || len(row) < size {
			return core.E(core.KindInternal, "limit journal: row cut short")
		}
		at := int64(binary.BigEndian.Uint64(row[:8])>>8) & (1<<48 - 1)
		for rest := row[frameHeader:size]; len(rest) > 0; rest = rest[frameEvent:] {
			m := Mark{Retention: Retention(rest[0]), Subject: binary.BigEndian.Uint64(rest[1:frameEvent])}
			if m.Retention.Duration() == 0 {
				return core.E(core.KindInternal, "limit journal: unknown retention")
			}
			event(at, m)
		}
		row = row[size:]
	}
	return nil
}
