package store

// ColumnKind is what a column holds.
type ColumnKind uint8

// The kinds. Engines may differ in them: a column that one keeps as a text or
// a truth may be bytes or a number in another.
const (
	ColumnInt   ColumnKind = 1
	ColumnBool  ColumnKind = 2
	ColumnText  ColumnKind = 3
	ColumnBytes ColumnKind = 4
)

// Column is one column of a table.
type Column struct {
	Name string
	Kind ColumnKind
	Null bool // it may be NULL; then zero and NULL mean the same
}

// Table is a table as an engine has it, for what goes over all of them:
// backups. The engines' own bookkeeping (migrations, locks, room in rows) is
// left out.
type Table struct {
	Name    string
	Columns []Column
	Key     []string // the columns of the primary key, in its order
}
