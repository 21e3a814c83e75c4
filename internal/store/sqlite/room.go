package sqlite

// Room to grow: see migrations/0005_room.sql. A row is written with as many
// filling bytes as its changing columns may gain, less those that they have
// gained: so it keeps its length, and a change overwrites it in place.
const (
	verificationRoom = 2  // state and wrong tries: a byte each
	messageRoom      = 72 // eight small numbers, names of a provider and of an error, one submission in the history
)

var filling [messageRoom]byte

// room is what is left of total bytes; nothing is NULL.
func room(total, used int) []byte { return filling[:max(0, total-used)] }

// intSize is how many bytes a number takes in a row
// (sqlite.org/fileformat2.html §2.1).
func intSize(v int64) int {
	switch {
	case v == 0 || v == 1:
		return 0
	case v >= -1<<7 && v < 1<<7:
		return 1
	case v >= -1<<15 && v < 1<<15:
		return 2
	case v >= -1<<23 && v < 1<<23:
		return 3
	case v >= -1<<31 && v < 1<<31:
		return 4
	case v >= -1<<47 && v < 1<<47:
		return 6
	default:
		return 8
	}
}
