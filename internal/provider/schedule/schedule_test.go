package schedule

import (
	"context"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

// TestOrderOfTimes: by time, and as they came among those of one time, also
// when a job adds another.
func TestOrderOfTimes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		s := New(time.Now)
		var ran []string
		var running sync.WaitGroup
		running.Go(func() { s.Loop(ctx) })
		began := time.Now()
		job := func(name string) func() {
			return func() { ran = append(ran, name+" "+time.Since(began).String()) }
		}
		s.After(2*time.Second, job("c"))
		s.After(time.Second, job("a"))
		s.After(time.Second, func() { job("b")(); s.After(time.Second, job("d")) })
		s.After(time.Hour, job("never"))
		time.Sleep(3 * time.Second)
		synctest.Wait()
		if s.Len() != 1 {
			t.Errorf("%d wait", s.Len())
		}
		cancel()
		running.Wait()
		want := []string{"a 1s", "b 1s", "c 2s", "d 2s"}
		if len(ran) != len(want) {
			t.Fatalf("%v", ran)
		}
		for i := range want {
			if ran[i] != want[i] {
				t.Errorf("%v, want %v", ran, want)
			}
		}
	})
}
