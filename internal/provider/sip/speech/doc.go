// Package speech owns what a call says and for how long: the prompts, spoken by
// espeak-ng once and kept in the tree (scripts/prompts.sh), and how they are put
// together. It never sends anything and knows no clock.
//
//	core.Speech ──Say──▶ 您的验证码是 0 4 2 9 1 7 · twice · 重听请按任意键
//	                ──Once─▶ the repetition after a key
//	Prompts ──▶ what internal/provider/sip/listen compares with what it hears
package speech
