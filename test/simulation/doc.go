// Package simulation runs the whole server, again and again, in a world that
// fails: one seed is one run. The server is internal/app as in production, with
// its real façade, use-cases, batcher, outbox, SMPP clients and SQLite on real
// files; only its surroundings are made up, inside a bubble of testing/synctest
// where time passes when nobody has anything to do. It never looks into the
// server: what counts is what callers were answered, what carriers and the back
// end saw, and what is on disk.
//
//	people ──HTTP──▶ one life of internal/app ──SMPP──▶ two carriers (smsc)
//	  ▲ lost before or after │    │ │  └──HTTP──▶ tunnel back end: done or not, then lost
//	  │                      │    │ └─ clock, set back or forward
//	  │                      │  disk: every call fails, or happened and fails, or the life ends
//	  │                      ▼    ▼
//	  └── codes ◀── phones  next life, on the files as they were, less what was not flushed
//	            ledger of answers ──▶ check ◀── database
//
// A storm of 16 s comes first; then peace, in which everything that was accepted
// must be delivered, wait, or be given up; then three days pass at once, after
// which nothing may be held. check_test.go lists what must hold, planted_test.go
// shows that each of it can be found missing.
//
// # A seed reproduces
//
// Nothing draws from a common source of luck: fate answers from the seed, the
// question and the world's time. Each call of the disk and each octet on the
// network takes a time of its own, so that two goroutines hardly ever are ready
// at the same instant, and one processor runs them. What is left is the Go
// scheduler's own freedom (preemption after 10 ms, select): TestSameSeedSameTrace
// looks at whole traces, and a seed that differs once is run again.
//
//	go test ./test/simulation -run TestReq33_Simulation -seed 17 -v    one seed and its trace
//	go test ./test/simulation -run TestReq33_Simulation -seeds 10000   make soak
//
// # What it can not see
//
// The kernel's page cache is not lost in a crash: a life's files are copied as
// they were written, and commits that no flush covered are cut off the end of
// the WAL. test/crash ends real processes, and bad disks are tested there and in
// store/sqlite.
package simulation
