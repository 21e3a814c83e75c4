//go:build interop

package crash

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"sync"
	"sync/atomic"
	"time"

	"yanma.dev/yanma/test/process"
)

const workers = 24

// answer is what came back: nothing when the connection broke, and then nobody
// knows what happened.
type answer struct {
	Status string `json:"status"`
	Code   string `json:"code"`
	UID    string `json:"yb_uid"`
	Device string `json:"device_id"`
}

func (a answer) ok() bool { return a.Status == "ok" }

func (a answer) none() bool { return a == answer{} }

// answers is what the outside world was told.
type answers struct {
	http *http.Client
	down atomic.Bool // the database was ended in this round: refusals are right

	mu      sync.Mutex
	next    int                  // of the numbers
	asked   map[string]answer    // get-code of each number of the app codes
	askedAt map[string]time.Time // … when it was answered
	recent  []string             // numbers answered ok since the last restart
	checked map[string]string    // number → the code that was answered ok
	uids    map[string]string    // number → yb_uid
	strange []string             // answers that must not be
}

func newAnswers() *answers {
	return &answers{http: &http.Client{Timeout: process.Patience, Transport: &http.Transport{MaxIdleConnsPerHost: workers}},
		asked: map[string]answer{}, askedAt: map[string]time.Time{}, checked: map[string]string{}, uids: map[string]string{}}
}

// pause is how long a caller waits who was refused.
const pause = 5 * time.Millisecond

// unknown tells whether nobody knows what became of a request: the connection
// broke, or the database was away.
func (a *answers) unknown(got answer) bool {
	if got.Code == "-1" && a.down.Load() {
		time.Sleep(pause)
		return true
	}
	return got.none()
}

// post gives the answer to a request; none when it broke.
func (a *answers) post(address, body string) answer {
	request, err := http.NewRequest(http.MethodPost, address, bytes.NewReader([]byte(body)))
	if err != nil {
		panic(err) // the address is ours
	}
	response, err := a.http.Do(request)
	if err != nil {
		return answer{}
	}
	defer response.Body.Close()
	text, err := io.ReadAll(response.Body)
	if err != nil {
		return answer{}
	}
	var decoded answer
	if err := json.Unmarshal(text, &decoded); err != nil || decoded.none() {
		return answer{Code: fmt.Sprintf("%d %q", response.StatusCode, text)}
	}
	return decoded
}

func (a *answers) getCode(server *process.Server, key, number string) answer {
	return a.post(server.Public+"/get-code", fmt.Sprintf(`{"key":%q,"phone_no":%q}`, key, number))
}

func (a *answers) checkCode(server *process.Server, key, number, code string) answer {
	return a.post(server.Public+"/check-code", fmt.Sprintf(`{"key":%q,"phone_no":%q,"user_input_code":%q}`, key, number, code))
}

// number is one that nobody had before.
func (a *answers) number() string {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.next++
	return fmt.Sprintf("139%08d", a.next)
}

func (a *answers) odd(format string, args ...any) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.strange = append(a.strange, fmt.Sprintf(format, args...))
}

// startLoad keeps the server busy with people who log in, until ctx ends or
// the server is gone.
func (c *trial) startLoad(ctx context.Context, server *process.Server, round int) *sync.WaitGroup {
	ctx, cancel := context.WithCancel(ctx)
	var group sync.WaitGroup
	go func() {
		<-server.Ended()
		cancel()
	}()
	for range workers {
		group.Go(func() {
			for ctx.Err() == nil {
				c.person(ctx, server)
			}
		})
	}
	for i := range 4 {
		group.Go(func() { c.regular(ctx, server, fmt.Sprintf("1860000000%d", i), round) })
	}
	return &group
}

// person asks for a code, reads it, and sends it twice at the same time.
func (c *trial) person(ctx context.Context, server *process.Server) {
	number := c.number()
	got := c.getCode(server, c.codes.key, number)
	c.mu.Lock()
	c.asked[number], c.askedAt[number] = got, time.Now()
	if got.ok() {
		c.recent = append(c.recent, number)
	}
	c.mu.Unlock()
	if !got.ok() {
		if !c.unknown(got) {
			c.odd("get-code %s: %+v", number, got)
		}
		return
	}
	code := c.sink.Code(ctx, number, 0)
	if code == "" {
		return
	}
	var both [2]answer
	var group sync.WaitGroup
	for i := range both {
		group.Go(func() { both[i] = c.checkCode(server, c.codes.key, number, code) })
	}
	group.Wait()
	c.loggedIn(number, code, both[:])
}

// loggedIn notes the answers to several tries with one code, at most one of
// which may have been ok.
func (c *trial) loggedIn(number, code string, tries []answer) {
	for _, try := range tries {
		switch {
		case try.Code == "0077", c.unknown(try):
		case !try.ok():
			c.odd("check-code %s: %+v", number, try)
		default:
			c.mu.Lock()
			before, used := c.checked[number]
			c.checked[number], c.uids[number] = code, try.UID
			c.mu.Unlock()
			if used && before == code {
				c.odd("the code of %s was answered ok twice", number)
			}
		}
	}
}

// regular is somebody who logs in again after each restart.
func (c *trial) regular(ctx context.Context, server *process.Server, number string, round int) {
	before := c.sink.Count(number)
	if got := c.getCode(server, c.logins.key, number); !got.ok() {
		if !c.unknown(got) {
			c.odd("get-code %s in round %d: %+v", number, round, got)
		}
		return
	}
	code := c.sink.Code(ctx, number, before)
	if code == "" {
		return
	}
	got := c.checkCode(server, c.logins.key, number, code)
	switch {
	case c.unknown(got):
	case got.Code == "0077": // an older message, sent again after its outcome was unknown
	case !got.ok():
		c.odd("check-code %s in round %d: %+v", number, round, got)
	default:
		c.mu.Lock()
		uid, known := c.uids[number]
		c.uids[number] = got.UID
		c.mu.Unlock()
		if known && uid != got.UID {
			c.odd("%s was %s and is %s", number, uid, got.UID)
		}
	}
}
