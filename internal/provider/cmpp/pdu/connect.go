package pdu

import (
	"crypto/md5"
	"encoding/binary"
	"fmt"
	"time"
)

// SPIDLen is the width of Source_Addr and Msg_src.
const SPIDLen = 6

// Authenticator is the MD5 sum by which one end shows that it knows the secret.
type Authenticator [md5.Size]byte

// Connect is the body of CONNECT (contracts/delivery.md §3.2).
type Connect struct {
	SourceAddr    string // SP_Id, ≤ 6 octets
	Authenticator Authenticator
	Version       Version
	Timestamp     uint32 // MMDDHHMMSS as a number
}

// NewConnect is the login of an SP at a time, whose zone is the gateway's.
func NewConnect(spID, secret string, v Version, at time.Time) Connect {
	c := Connect{SourceAddr: spID, Version: v, Timestamp: timestamp(at)}
	c.Authenticator = c.Expected(secret)
	return c
}

func timestamp(at time.Time) uint32 {
	_, month, day := at.Date()
	hour, minute, second := at.Clock()
	return (((uint32(month)*100+uint32(day))*100+uint32(hour))*100+uint32(minute))*100 + uint32(second)
}

// Expected is the authenticator that belongs to the other fields and a secret:
// MD5(Source_Addr ‖ nine NUL ‖ secret ‖ timestamp as ten digits), Source_Addr
// in its wire width.
func (c *Connect) Expected(secret string) Authenticator {
	octets := append([]byte(c.SourceAddr), padding[:max(SPIDLen-len(c.SourceAddr), 0)+9]...)
	octets = append(octets, secret...)
	octets = fmt.Appendf(octets, "%010d", c.Timestamp)
	return md5.Sum(octets)
}

// AppendConnect appends a CONNECT: 39 octets. On ErrField dst is returned as it
// was.
func AppendConnect(dst []byte, seq uint32, c *Connect) ([]byte, error) {
	w := writer{dst: appendHeader(dst, 0, CmdConnect, seq)}
	w.fixed("Source_Addr", c.SourceAddr, SPIDLen)
	w.octets(c.Authenticator[:]...)
	w.octets(byte(c.Version))
	w.uint32(c.Timestamp)
	return finish(w.dst, len(dst), w.err)
}

// ParseConnect reads the body of a CONNECT. It fails with ErrBody.
func ParseConnect(body []byte) (Connect, error) {
	f := newFields(body)
	c := Connect{SourceAddr: f.fixed("Source_Addr", SPIDLen)}
	copy(c.Authenticator[:], f.take("AuthenticatorSource", md5.Size))
	c.Version = Version(f.octet("Version"))
	c.Timestamp = f.uint32("Timestamp")
	return c, f.end()
}

// ConnectStatus is a gateway's answer to a login.
type ConnectStatus uint32

// The statuses (contracts/delivery.md §3.2); above them is "other".
const (
	ConnectOK          ConnectStatus = 0
	ConnectMalformed   ConnectStatus = 1
	ConnectBadSource   ConnectStatus = 2
	ConnectAuthFailed  ConnectStatus = 3
	ConnectTooHigh     ConnectStatus = 4
	ConnectOther       ConnectStatus = 5
	connectStatusCount               = 6
)

// Name is the status in words.
func (s ConnectStatus) Name() string {
	names := [connectStatusCount]string{
		"ok", "malformed", "illegal source address", "authentication failed", "version too high", "other",
	}
	return names[min(s, ConnectOther)]
}

// ConnectResp is the body of CONNECT_RESP.
type ConnectResp struct {
	Status        ConnectStatus
	Authenticator Authenticator
	Version       Version // the highest that the gateway speaks
}

// ISMGAuthenticator is what a gateway answers to a login: MD5(Status ‖
// AuthenticatorSource ‖ secret), Status in its wire width.
func ISMGAuthenticator(wire Version, s ConnectStatus, source Authenticator, secret string) Authenticator {
	octets := appendResult(nil, wire, uint32(s))
	octets = append(octets, source[:]...)
	return md5.Sum(append(octets, secret...))
}

// appendResult appends a status in its wire width: 1 octet in 2.0, 4 in 3.0.
func appendResult(dst []byte, wire Version, v uint32) []byte {
	if wire == V30 {
		return binary.BigEndian.AppendUint32(dst, v)
	}
	return append(dst, byte(v))
}

// AppendConnectResp appends a CONNECT_RESP of a version: 30 octets in 2.0, 33
// in 3.0.
func AppendConnectResp(dst []byte, wire Version, seq uint32, r *ConnectResp) []byte {
	start := len(dst)
	dst = appendResult(appendHeader(dst, 0, CmdConnectResp, seq), wire, uint32(r.Status))
	dst = append(dst, r.Authenticator[:]...)
	dst = append(dst, byte(r.Version))
	binary.BigEndian.PutUint32(dst[start:], uint32(len(dst)-start))
	return dst
}

const connectResp30Len = 4 + md5.Size + 1

// ParseConnectResp reads the body of a CONNECT_RESP. wire is the version whose
// width it has: a gateway of 2.0 answers so to a login of 3.0. It fails with
// ErrBody.
func ParseConnectResp(body []byte) (r ConnectResp, wire Version, err error) {
	f := fields{rest: body}
	wire = V20
	if len(body) == connectResp30Len {
		wire = V30
		r.Status = ConnectStatus(f.uint32("Status"))
	} else {
		r.Status = ConnectStatus(f.octet("Status"))
	}
	copy(r.Authenticator[:], f.take("AuthenticatorISMG", md5.Size))
	r.Version = Version(f.octet("Version"))
	return r, wire, f.end()
}
