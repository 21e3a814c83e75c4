package postgres

import (
	"fmt"
	"strings"
)

// statement is a prepared statement of batches. Every connection for batches
// prepares all of them.
type statement struct {
	number int
	sql    string
	params []column // one array each
}

func (s *statement) name() string { return fmt.Sprintf("batch_%d", s.number) }

// column is a column of a statement over many rows, by its name and the type of
// its elements.
type column struct{ name, typ string }

func (c column) oid() uint32 {
	switch c.typ {
	case "bigint":
		return oidInt8
	case "boolean":
		return oidBool
	case "text":
		return oidText
	default:
		return oidBytea
	}
}

// columnsOf reads a list such as "id bigint, phone bytea".
func columnsOf(list string) []column {
	var all []column
	for _, item := range strings.Split(list, ", ") {
		name, typ, _ := strings.Cut(item, " ")
		all = append(all, column{name, typ})
	}
	return all
}

// catalogue numbers the statements as they are made.
type catalogue struct{ all []*statement }

func (c *catalogue) add(sql string, params ...column) *statement {
	s := &statement{number: len(c.all), sql: sql, params: params}
	c.all = append(c.all, s)
	return s
}

// table makes the statements of one table. Arrays travel through unnest with
// explicit casts, and every statement that locks does it in the order of keys.
type table struct {
	catalogue *catalogue
	name      string
	columns   []column
	keys      int // so many first columns are the key
}

// names lists columns, each with a prefix.
func names(columns []column, prefix string) string {
	all := make([]string, len(columns))
	for i, c := range columns {
		all[i] = prefix + c.name
	}
	return strings.Join(all, ", ")
}

// unnest turns arrays into rows named n.
func unnest(columns []column) string {
	casts := make([]string, len(columns))
	for i, c := range columns {
		casts[i] = fmt.Sprintf("$%d::%s[]", i+1, c.typ)
	}
	return fmt.Sprintf("unnest(%s) AS n (%s)", strings.Join(casts, ", "), names(columns, ""))
}

func (t *table) key() []column { return t.columns[:t.keys] }

// matches compares the keys of the table's rows and those of n.
func (t *table) matches() string {
	all := make([]string, t.keys)
	for i, c := range t.key() {
		all[i] = fmt.Sprintf("t.%s = n.%s", c.name, c.name)
	}
	return strings.Join(all, " AND ")
}

// byKey reads and locks rows by their keys.
func (t *table) byKey() *statement { return t.find(t.matches(), t.key()...) }

// read reads rows by their keys and locks none.
func (t *table) read() *statement {
	return t.catalogue.add(fmt.Sprintf("SELECT %s FROM %s JOIN %s AS t ON %s",
		names(t.columns, "t."), unnest(t.key()), t.name, t.matches()), t.key()...)
}

// find reads and locks the rows that meet a condition with rows n.
func (t *table) find(where string, params ...column) *statement {
	return t.catalogue.add(fmt.Sprintf("SELECT %s FROM %s JOIN %s AS t ON %s ORDER BY %s FOR UPDATE OF t",
		names(t.columns, "t."), unnest(params), t.name, where, names(t.key(), "t.")), params...)
}

// bySides finds rows by either side of a blind index, with the conditions that
// lead to it: those between a row f and a key n, and those of the partial index,
// if it has any besides. Outside a rotation no row has the second side; then
// nothing is looked up by it.
//
// The sides are not joined with OR: PostgreSQL would use no other column of the
// indexes than the side itself, which is not the first. The look-up stands in a
// subquery of its own, one execution for each n: joined, a partial index that
// statistics say is almost empty would be read whole. Others may change a row
// between look-up and lock: the batch looks at the rows.
func (t *table) bySides(where, live string, params ...column) *statement {
	look := func(side string) string {
		return fmt.Sprintf("SELECT unnest(ARRAY(SELECT f.id FROM %s AS f WHERE %s%s AND f.%s = n.idx)) FROM %s",
			t.name, where, live, side, unnest(params))
	}
	return t.catalogue.add(fmt.Sprintf("SELECT %s FROM %s AS t WHERE t.id = ANY (ARRAY(%s UNION ALL %s WHERE EXISTS ("+
		"SELECT 1 FROM %s AS f WHERE f.idx_b IS NOT NULL%s))) ORDER BY t.id FOR UPDATE OF t",
		names(t.columns, "t."), t.name, look("idx_a"), look("idx_b"), t.name, live), params...)
}

// insert adds rows. Those of natural keys, which two nodes may insert at the
// same time, go in the order of unique columns: else they would wait for each
// other in a circle.
func (t *table) insert(order string) *statement {
	sql := fmt.Sprintf("INSERT INTO %s (%s) SELECT * FROM %s", t.name, names(t.columns, ""), unnest(t.columns))
	if order != "" {
		sql += " ORDER BY " + order
	}
	return t.catalogue.add(sql, t.columns...)
}

// update changes some columns, given with the keys before them.
func (t *table) update(columns []column) *statement {
	sets := make([]string, 0, len(columns))
	for _, c := range columns[t.keys:] {
		sets = append(sets, fmt.Sprintf("%s = n.%s", c.name, c.name))
	}
	return t.catalogue.add(fmt.Sprintf("UPDATE %s AS t SET %s FROM %s WHERE %s",
		t.name, strings.Join(sets, ", "), unnest(columns), t.matches()), columns...)
}

// free takes rows out of unique indexes before other rows take their values.
func (t *table) free(set string) *statement {
	return t.catalogue.add(fmt.Sprintf("UPDATE %s AS t SET %s FROM %s WHERE %s", t.name, set, unnest(t.key()), t.matches()), t.key()...)
}

func (t *table) remove() *statement {
	return t.catalogue.add(fmt.Sprintf("DELETE FROM %s AS t USING %s WHERE %s", t.name, unnest(t.key()), t.matches()), t.key()...)
}
