// Package facadetest runs exchanges: requests and answers of a dialect side by
// side in a text file, typed from its contract, against a real listener. A
// reviewer reads the wire, not Go.
//
// It knows no dialect and no use-case: an Env is the installation under test.
//
//	testdata/*.txtar ─▶ sections in order
//	  setup, NN step    one directive a line, "advance 60s" ──▶ Env.Do
//	  NN request        placeholders filled ─▶ bytes on a TCP connection
//	  NN response       status line, some headers, the whole body
//	  NN request x200   so many at once; then "NN response x1", "NN response x199"
//
// A request is written as it goes over the wire. Host, Connection and, for a
// body, Content-Length are added when they are missing; a body with
// "Transfer-Encoding: chunked" is cut into chunks.
//
// A response holds the status line, the headers that must be there with these
// values ("!Name" must not be there), and after a blank line the body, which
// must be the same to the byte but for one newline at the end. A body of
// several lines that is JSON stands for its compact form.
//
// Placeholders in requests: {{name}} captured before, or the Env's ({{key}},
// {{code 13800138000}}); {{a*70000}} repeats; {{hex efbbbf}} is bytes. In
// responses {{name}} of a known pattern captures at its first use and must be
// equal later; {{name.2}} is another value of the same pattern, {{any_name}} is
// any such value and is not captured. The directive "remember NAME VALUE"
// keeps a value that will change.
package facadetest
