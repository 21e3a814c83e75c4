//go:build interop

// Package e2e uses the binary as somebody would who has just cloned the
// project: a process, its ports, its folder, its signals. It proves what the
// README and design "Running it" promise.
//
//	folder_test.go    what is wrong with a folder is said in one sentence
//	full_test.go      a disk that fills up under a running server
//	paste_test.go     the commands that dev prints
//	process_test.go   start, second start, signals
package e2e
