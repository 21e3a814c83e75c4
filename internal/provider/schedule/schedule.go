package schedule

import (
	"container/heap"
	"context"
	"sync"
	"time"
)

// Schedule runs functions later, all on one goroutine.
type Schedule struct {
	now  func() time.Time
	wake chan struct{}

	mu   sync.Mutex
	jobs jobHeap
	next uint64
}

type job struct {
	due   time.Time
	order uint64 // among jobs due at the same time: as they came
	run   func()
}

// New is a schedule that runs nothing before Loop does.
func New(now func() time.Time) *Schedule {
	return &Schedule{now: now, wake: make(chan struct{}, 1)}
}

// After runs f in d, on the goroutine of Loop.
func (s *Schedule) After(d time.Duration, f func()) {
	s.mu.Lock()
	s.next++
	j := job{due: s.now().Add(d), order: s.next, run: f}
	first := len(s.jobs) == 0 || j.due.Before(s.jobs[0].due)
	heap.Push(&s.jobs, j)
	s.mu.Unlock()
	if first {
		select {
		case s.wake <- struct{}{}:
		default:
		}
	}
}

// Len is how many functions wait.
func (s *Schedule) Len() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.jobs)
}

// Loop runs what is due until ctx ends; what is due later is dropped.
func (s *Schedule) Loop(ctx context.Context) {
	timer := time.NewTimer(time.Hour)
	defer timer.Stop()
	for {
		timer.Reset(s.runDue())
		select {
		case <-ctx.Done():
			return
		case <-timer.C:
		case <-s.wake:
		}
	}
}

// runDue runs what is due, and tells how long the next one is off.
func (s *Schedule) runDue() time.Duration {
	for {
		s.mu.Lock()
		if len(s.jobs) == 0 {
			s.mu.Unlock()
			return time.Hour
		}
		if wait := s.jobs[0].due.Sub(s.now()); wait > 0 {
			s.mu.Unlock()
			return wait
		}
		j := heap.Pop(&s.jobs).(job)
		s.mu.Unlock()
		j.run()
	}
}

// jobHeap is a container/heap by due time.
type jobHeap []job

func (h jobHeap) Len() int { return len(h) }

func (h jobHeap) Less(i, j int) bool {
	if h[i].due.Equal(h[j].due) {
		return h[i].order < h[j].order
	}
	return h[i].due.Before(h[j].due)
}

func (h jobHeap) Swap(i, j int) { h[i], h[j] = h[j], h[i] }

// Push is container/heap's.
func (h *jobHeap) Push(x any) { *h = append(*h, x.(job)) }

// Pop is container/heap's.
func (h *jobHeap) Pop() any {
	last := len(*h) - 1
	j := (*h)[last]
	(*h)[last] = job{}
	*h = (*h)[:last]
	return j
}
