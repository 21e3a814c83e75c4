// Package listen owns the other side of a call: it puts received RTP back
// together and recognises the digits in what was spoken, by correlation with the
// prompts. Tests and the simulated trunk of `yanma dev` use it; no code that
// calls real phones does.
//
//	packets ──Recording.Take──▶ samples by timestamp, gaps as silence ──WAV──▶ what a browser plays
//	samples ──Recogniser.Digits──▶ Heard{digit, language, when, how surely}, in order ──Code──▶ "042917"
package listen
