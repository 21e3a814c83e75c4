// Command fraud runs seeded traffic against the guard's real engine and its
// real limits, on a clock of its own, and prints what attacks cost and whom
// the guard disturbs.
//
//	people: daily curve in UTC+8, countries, prefixes, carriers, NAT and homes ─┐
//	events: a launch behind one address, a carrier's outage                    ├─▶ one queue by time
//	attacks: pumping 10,000 numbers, spraying a million                        ─┘
//	   ─▶ guard's limits ─▶ fraud.Admit ─▶ code ─▶ fraud.JudgeCheck ─▶ right, wrong or nothing
//	   ─▶ report: messages lost, guesses compared, people challenged and blocked
//
// It is no model of anybody's real traffic: it shows how the rules behave, and
// that they hold over many seeds.
package main
