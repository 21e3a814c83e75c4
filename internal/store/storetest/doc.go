// Package storetest is what every store engine must pass, and the faults to
// test the users of an engine with.
//
// It owns the suite (Run), an engine in maps for property tests of commands
// (Memory), and two engines around an engine: Faulty fails in
// pairs (the commit was lost; the commit was kept but its answer was lost), Gate
// holds batches back so that a test decides which commands share one. It never
// knows which engine it runs on: expected values are rows and sets.
//
//	Run ─ rows      every kind, every field, every extreme, written and read back
//	    ─ batches   order, conflicts, refusals and panics inside one commit
//	    ─ races     200 goroutines, double spending, linearizability
//	    ─ faults    both directions of every step, with the invariants
//	    ─ model     random commands against plain maps
//	    ─ sql       the portable statements of records
//	BenchmarkFlow, BenchmarkStep ─ what a flow costs an engine, on disk
package storetest
