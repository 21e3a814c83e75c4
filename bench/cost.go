package main

import (
	"errors"
	"fmt"
	"time"
)

// cost is the processor time that a measurement took, by program.
type cost struct{ servers, database, sink, generator time.Duration }

func (c cost) minus(before cost) cost {
	return cost{c.servers - before.servers, c.database - before.database, c.sink - before.sink, c.generator - before.generator}
}

// spent is what the programs took so far.
func (b *bench) spent(servers []*yanma) (c cost, err error) {
	for _, y := range servers {
		used, failed := y.cpu()
		c.servers += used
		err = errors.Join(err, failed)
	}
	sink, failed := b.sink.cpu()
	c.sink, c.generator = sink, ownCPU()
	return c, errors.Join(err, failed)
}

// failures is how many flows failed, and how the first did.
func (r result) failures() string {
	if r.Errors == 0 {
		return "0 errors"
	}
	return fmt.Sprintf("%d errors, the first: %s", r.Errors, r.First)
}

// compared is one side of a comparison: the flows of its turns.
type compared struct {
	result
	cost
}

func (c *compared) add(r result, k cost) {
	c.Flows += r.Flows
	c.Errors += r.Errors
	c.Elapsed += r.Elapsed
	c.P50, c.P99 = max(c.P50, r.P50), max(c.P99, r.P99)
	c.servers += k.servers
	c.database += k.database
	c.sink += k.sink
	c.generator += k.generator
	if c.First == "" {
		c.First = r.First
	}
}
