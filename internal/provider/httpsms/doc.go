// Package httpsms carries messages over the HTTP interfaces of carriers and
// aggregators (contracts/delivery.md §5): Aliyun, Tencent Cloud, Twilio,
// SUBMAIL and Kannel in code, any other one as its stanza of the configuration
// describes it. It owns what each of them wants to be asked, what its answers
// mean, and how its receipts are told from forged ones. It never follows a
// redirect, never sends a request twice, and never decides whether a message is
// sent again.
//
//	Submit ── Carries? ── window, pace ──▶ wire.compose ──▶ httpcall.Do ──▶ carrier
//	done ◀── wire.judge ◀── answer        done ◀── Unknown ◀── written, answer lost or unreadable
//	                                      done ◀── NotSent ◀── nothing written
//	carrier ──▶ Hooks: POST <prefix>/NAME/SECRET[/text] ── wire.read: authentic? ──▶ Sink
//	carrier ◀── 200 in its own form, once stored; 503: send it again ◀── ack
//	watch:  connect until it works ─ up ─ a connection fails ─ again
//
// A wire is one file: aliyun.go, tencent.go, twilio.go, submail.go, kannel.go,
// and declared*.go for the stanza.
package httpsms
