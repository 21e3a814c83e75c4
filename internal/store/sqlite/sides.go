package sqlite

import (
	zsqlite "zombiezen.com/go/sqlite"
)

// sideStatements find rows by either side of a blind index. Outside a rotation
// one side of every row is set; a look at an index that is empty tells which,
// once a load instead of once a number.
type sideStatements struct {
	a, b       *zsqlite.Stmt // rows of a number; key columns, then the side
	anyA, anyB *zsqlite.Stmt // whether there is any row
}

// inUse gives the statements that can find something.
func (s *sideStatements) inUse(wanted int) ([]*zsqlite.Stmt, error) {
	if wanted == 0 {
		return nil, nil
	}
	var sides []*zsqlite.Stmt
	for _, side := range [...]struct{ any, find *zsqlite.Stmt }{{s.anyA, s.a}, {s.anyB, s.b}} {
		any, err := hasRow(side.any)
		if err != nil {
			return nil, err
		}
		if any {
			sides = append(sides, side.find)
		}
	}
	return sides, nil
}

// hasRow tells whether a statement without parameters answers any row.
func hasRow(stmt *zsqlite.Stmt) (bool, error) {
	any, err := stmt.Step()
	if err != nil {
		return false, err
	}
	return any, stmt.Reset()
}
