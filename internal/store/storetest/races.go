package storetest

import (
	"context"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/anishathalye/porcupine"

	"yanma.dev/yanma/internal/core"
	"yanma.dev/yanma/internal/store"
)

const racers = 200

// race runs f in as many goroutines as the requirements ask for, all released
// at once.
func race(f func(i int)) {
	var ready, done sync.WaitGroup
	release := make(chan struct{})
	for i := range racers {
		ready.Add(1)
		done.Go(func() {
			ready.Done()
			<-release
			f(i)
		})
	}
	ready.Wait()
	close(release)
	done.Wait()
}

func testRaces(t *testing.T, fresh Fresh) {
	t.Run("double spending", func(t *testing.T) { testDoubleSpend(t, fresh) })
	t.Run("a view sees one state", func(t *testing.T) { testView(t, fresh) })
	t.Run("updates and batches", func(t *testing.T) { testUpdateRace(t, fresh) })
	t.Run("linearizable", func(t *testing.T) { testLinearizable(t, fresh) })
}

// SingleUse proves requirement row 3 at the store: of 200 goroutines that take
// the same code exactly one succeeds, whichever commit they share.
func SingleUse(t *testing.T, fresh Fresh) {
	e := opened(t, fresh)
	for _, maxBatch := range []int{1, 7, 512} {
		b := start(t, e, store.Options{MaxBatch: maxBatch})
		id := core.VerificationID(maxBatch)
		do(t, b, &startCode{key: store.LiveKey{App: 1, Purpose: 1, Index: index(1)}, id: id})
		var won, wrong atomic.Int64
		race(func(int) {
			switch err := b.Do(context.Background(), &useCode{id}); {
			case err == nil:
				won.Add(1)
			case isKind(err, core.KindWrongCode):
				wrong.Add(1)
			default:
				t.Errorf("neither right nor wrong: %v", err)
			}
		})
		if won.Load() != 1 || wrong.Load() != racers-1 {
			t.Errorf("batches of %d: %d succeeded, %d were wrong; want 1 and %d", maxBatch, won.Load(), wrong.Load(), racers-1)
		}
	}
}

func testDoubleSpend(t *testing.T, fresh Fresh) {
	e := opened(t, fresh)
	b := start(t, e, store.Options{MaxBatch: 16})
	const coins = 37
	do(t, b, &transfer{id: 1, from: funding, to: available, amount: coins})
	var spent, refused atomic.Int64
	race(func(i int) {
		switch err := b.Do(context.Background(), &transfer{id: core.LedgerID(10 + i), from: available, to: revenue, amount: 1}); {
		case err == nil:
			spent.Add(1)
		case isKind(err, core.KindInsufficientBalance):
			refused.Add(1)
		default:
			t.Error(err)
		}
	})
	if spent.Load() != coins || refused.Load() != racers-coins {
		t.Errorf("%d spent and %d refused of %d", spent.Load(), refused.Load(), coins)
	}
	checkLedger(t, e)
}

// checkLedger holds every balance against the ledger, in one view: what entered
// an account less what left it, and all balances together nothing.
func checkLedger(t *testing.T, e store.Engine) {
	t.Helper()
	ctx := context.Background()
	err := e.View(ctx, func(sql store.SQL) error {
		stated, booked := map[int64]int64{}, map[int64]int64{}
		err := sql.Query(ctx, "SELECT id, balance FROM account", func(row store.Scanner) error {
			var id, balance int64
			err := row.Scan(&id, &balance)
			stated[id] = balance
			return err
		})
		if err != nil {
			return err
		}
		err = sql.Query(ctx, "SELECT debit, credit, amount FROM ledger", func(row store.Scanner) error {
			var debit, credit, amount int64
			err := row.Scan(&debit, &credit, &amount)
			booked[debit] -= amount
			booked[credit] += amount
			return err
		})
		if err != nil {
			return err
		}
		var sum int64
		for id, balance := range stated {
			sum += balance
			if balance != booked[id] {
				t.Errorf("account %d has %d, its ledger says %d", id, balance, booked[id])
			}
			delete(booked, id)
		}
		if sum != 0 || len(booked) > 0 {
			t.Errorf("all balances sum to %d; booked without an account: %v", sum, booked)
		}
		return nil
	})
	if err != nil {
		t.Error(err)
	}
}

func testView(t *testing.T, fresh Fresh) {
	e := opened(t, fresh)
	b := start(t, e, store.Options{})
	var writing sync.WaitGroup
	stop := make(chan struct{})
	for w := range core.LedgerID(3) {
		writing.Go(func() {
			for n := core.LedgerID(0); ; n++ {
				select {
				case <-stop:
					return
				default:
					do(t, b, &transfer{id: w<<32 | n + 1, from: funding, to: available, amount: 1})
				}
			}
		})
	}
	for range 50 {
		checkLedger(t, e)
	}
	close(stop)
	writing.Wait()
}

// testUpdateRace lets plain transactions and batches write at the same time.
func testUpdateRace(t *testing.T, fresh Fresh) {
	e := opened(t, fresh)
	b := start(t, e, store.Options{})
	var wins atomic.Int64
	race(func(i int) {
		if i%2 == 0 {
			do(t, b, &transfer{id: core.LedgerID(1 + i), from: funding, to: available, amount: 1})
			return
		}
		err := e.Update(context.Background(), func(sql store.SQL) error {
			ctx := context.Background()
			// Read, then write: no two may see the same number.
			var n int64
			err := sql.Query(ctx, "SELECT number FROM revision WHERE id = 1", func(row store.Scanner) error { return row.Scan(&n) })
			if err != nil {
				return err
			}
			_, err = sql.Exec(ctx, "UPDATE revision SET number = $1 WHERE id = 1", n+1)
			return err
		})
		if err != nil {
			t.Error(err)
			return
		}
		wins.Add(1)
	})
	var n int64
	err := e.View(context.Background(), func(sql store.SQL) error {
		return sql.Query(context.Background(), "SELECT number FROM revision", func(row store.Scanner) error { return row.Scan(&n) })
	})
	if err != nil || n != wins.Load() || n != racers/2 {
		t.Errorf("revision %d after %d updates, %v", n, wins.Load(), err)
	}
	checkLedger(t, e)
}

// The history of one number: codes are started and used.
type codeInput struct {
	number byte
	id     core.VerificationID
	use    bool
}

// codes is the sequential specification: a number has at most one live code,
// and it is used once.
var codes = porcupine.Model{
	Partition: func(history []porcupine.Operation) [][]porcupine.Operation {
		byNumber := map[byte][]porcupine.Operation{}
		for _, op := range history {
			n := op.Input.(codeInput).number
			byNumber[n] = append(byNumber[n], op)
		}
		var parts [][]porcupine.Operation
		for _, part := range byNumber {
			parts = append(parts, part)
		}
		return parts
	},
	Init: func() any { return core.VerificationID(0) },
	Step: func(state, input, output any) (bool, any) {
		in, live := input.(codeInput), state.(core.VerificationID)
		if !in.use {
			return output.(bool), in.id
		}
		if in.id != 0 && in.id == live {
			return output.(bool), core.VerificationID(0)
		}
		return !output.(bool), live
	},
}

func testLinearizable(t *testing.T, fresh Fresh) {
	e := opened(t, fresh)
	b := start(t, e, store.Options{MaxBatch: 8})
	const numbers, clients, steps = 3, 12, 25
	var tick, ids atomic.Int64
	var latest [numbers]atomic.Int64
	var mu sync.Mutex
	var history []porcupine.Operation
	var wg sync.WaitGroup
	for client := range clients {
		wg.Go(func() {
			random := rand.New(rand.NewPCG(uint64(client), 1))
			for range steps {
				in := codeInput{number: byte(random.IntN(numbers)), use: random.IntN(4) > 0}
				var c store.Command
				if in.use {
					in.id = core.VerificationID(latest[in.number].Load())
					c = &useCode{in.id}
				} else {
					in.id = core.VerificationID(ids.Add(1))
					c = &startCode{store.LiveKey{App: 1, Purpose: 1, Index: index(1 + in.number)}, in.id}
				}
				call := tick.Add(1)
				err := b.Do(context.Background(), c)
				back := tick.Add(1)
				if err != nil && !isKind(err, core.KindWrongCode) {
					t.Error(err)
				}
				if !in.use {
					latest[in.number].Store(int64(in.id))
				}
				mu.Lock()
				history = append(history, porcupine.Operation{ClientId: client, Input: in, Call: call, Output: err == nil, Return: back})
				mu.Unlock()
			}
		})
	}
	wg.Wait()
	if !porcupine.CheckOperations(codes, history) {
		t.Error("the history is not linearizable")
	}
}
