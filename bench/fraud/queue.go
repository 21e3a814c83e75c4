package main

import "container/heap"

// event is something that happens at a time, in milliseconds since the
// simulation's first midnight of UTC+8.
type event struct {
	at  int64
	seq int64
	do  func(now int64)
}

// queue orders events by time; those of one instant keep their order.
type queue struct {
	events events
	seq    int64
}

type events []event

func (e events) Len() int { return len(e) }
func (e events) Less(i, j int) bool {
	return e[i].at < e[j].at || e[i].at == e[j].at && e[i].seq < e[j].seq
}
func (e events) Swap(i, j int) { e[i], e[j] = e[j], e[i] }
func (e *events) Push(x any)   { *e = append(*e, x.(event)) }
func (e *events) Pop() any {
	old := *e
	last := old[len(old)-1]
	old[len(old)-1] = event{}
	*e = old[:len(old)-1]
	return last
}

func (q *queue) at(t int64, do func(now int64)) {
	q.seq++
	heap.Push(&q.events, event{at: t, seq: q.seq, do: do})
}

// run does everything until end.
func (q *queue) run(end int64) {
	for len(q.events) > 0 && q.events[0].at < end {
		e := heap.Pop(&q.events).(event)
		e.do(e.at)
	}
}
