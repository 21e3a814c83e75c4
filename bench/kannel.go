package main

import (
	"errors"
	"fmt"
	"net"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"
)

// kannelConf is Kannel set up for throughput: a window of 100 where its default
// is 10, no debug log, no access log, no receipts asked for. It wants: admin
// port, smsbox port, its folder, the store's lines, the SMSC's port, sendsms port.
const kannelConf = `group = core
admin-port = %[1]s
admin-password = admin
admin-allow-ip = 127.0.0.1
smsbox-port = %[2]s
box-allow-ip = 127.0.0.1
log-file = "%[3]s/bearerbox.log"
log-level = 4
dlr-storage = internal
%[4]s
group = smsc
smsc = smpp
smsc-id = sink
host = 127.0.0.1
port = %[5]s
transceiver-mode = true
smsc-username = kannel
smsc-password = secret08
system-type = ""
interface-version = 34
address-range = ""
max-pending-submits = 100

group = smsbox
bearerbox-host = 127.0.0.1
sendsms-port = %[6]s
sendsms-interface = 127.0.0.1
log-file = "%[3]s/smsbox.log"
log-level = 4

group = sendsms-user
username = bench
password = secret08
concatenation = true
max-messages = 10
`

// kannel is bearerbox and smsbox, each a process of its own.
type kannel struct {
	bearerbox, smsbox *process
	addr              string // of sendsms
	query             string // of every message, without its number
}

// startKannel runs Kannel against an SMSC, with its spool store or without a store.
func startKannel(folder, smpp string, spool bool) (*kannel, error) {
	folder, err := filepath.Abs(folder)
	if err != nil {
		return nil, err
	}
	store := ""
	if spool {
		store = fmt.Sprintf("store-type = spool\nstore-location = %q\n", filepath.Join(folder, "spool"))
	}
	if err := os.MkdirAll(filepath.Join(folder, "spool"), 0o700); err != nil {
		return nil, err
	}
	var ports []any
	for range 3 {
		addr, err := freePort()
		if err != nil {
			return nil, err
		}
		ports = append(ports, portOf(addr))
	}
	conf := filepath.Join(folder, "kannel.conf")
	text := fmt.Sprintf(kannelConf, ports[0], ports[1], folder, store, portOf(smpp), ports[2])
	if err := os.WriteFile(conf, []byte(text), 0o600); err != nil {
		return nil, err
	}
	k := &kannel{addr: fmt.Sprintf("127.0.0.1:%s", ports[2])}
	k.query = url.Values{"username": {"bench"}, "password": {"secret08"}, "from": {"YANMA"}, "coding": {"2"}, "charset": {"UTF-8"}, "text": {deliveryText}}.Encode()
	if k.bearerbox, err = startBox(folder, conf, "bearerbox", fmt.Sprintf("127.0.0.1:%s", ports[1])); err != nil {
		return nil, err
	}
	if k.smsbox, err = startBox(folder, conf, "smsbox", k.addr); err != nil {
		return nil, errors.Join(err, k.bearerbox.stop())
	}
	return k, nil
}

func portOf(addr string) string { return addr[strings.LastIndexByte(addr, ':')+1:] }

// startBox starts one of Kannel's programs and waits until it listens.
func startBox(folder, conf, name, addr string) (*process, error) {
	program, err := exec.LookPath(name)
	if err != nil {
		program = "/usr/sbin/" + name // where Debian has it
	}
	p, err := startServer(filepath.Join(folder, name+".out"), program, conf)
	if err != nil {
		return nil, fmt.Errorf("%w (scripts/setup.sh installs Kannel)", err)
	}
	for deadline := time.Now().Add(20 * time.Second); time.Now().Before(deadline); time.Sleep(20 * time.Millisecond) {
		if c, err := net.Dial("tcp", addr); err == nil {
			c.Close()
			return p, nil
		}
	}
	out, _ := os.ReadFile(filepath.Join(folder, name+".out"))
	return nil, errors.Join(fmt.Errorf("%s does not listen: %s", name, out), p.kill())
}

// post is one message by HTTP.
func (k *kannel) post(c *conn, number string) error {
	c.out = append(c.out[:0], "GET /cgi-bin/sendsms?"...)
	c.out = append(c.out, k.query...)
	c.out = append(c.out, "&to=86"...)
	c.out = append(c.out, number...)
	c.out = append(c.out, " HTTP/1.1\r\nHost: kannel\r\n\r\n"...)
	if err := c.SetDeadline(time.Now().Add(c.timeout)); err != nil {
		return err
	}
	if _, err := c.Write(c.out); err != nil {
		return err
	}
	status, body, err := c.answer()
	if err == nil && status != 202 {
		err = fmt.Errorf("sendsms: status %d: %s", status, body)
	}
	return err
}

func (k *kannel) cpu() (time.Duration, error) {
	bearerbox, err := k.bearerbox.cpu()
	smsbox, failed := k.smsbox.cpu()
	return bearerbox + smsbox, errors.Join(err, failed)
}

// stop ends both; Kannel's programs may take their time, and hold nothing that
// anyone wants.
func (k *kannel) stop() {
	for _, p := range []*process{k.smsbox, k.bearerbox} {
		_ = p.kill()
		<-p.ended
	}
}
