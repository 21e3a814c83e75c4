package httpcall

import (
	"context"
	"crypto/tls"
	"errors"
	"io"
	"net"
	"syscall"
)

// Reason is why a call failed, in words of our own. The errors of net/http
// repeat lines of a broken answer, which may hold anything that was in the
// request; these can be logged.
func Reason(err error) string {
	var (
		certificate *tls.CertificateVerificationError
		record      tls.RecordHeaderError
		alert       tls.AlertError
		name        *net.DNSError
		slow        net.Error
	)
	switch {
	case errors.Is(err, ErrTooLong):
		return ErrTooLong.Error()
	case errors.Is(err, context.Canceled):
		return "given up"
	case errors.Is(err, context.DeadlineExceeded), errors.As(err, &slow) && slow.Timeout():
		return "timeout"
	case errors.Is(err, syscall.ECONNREFUSED):
		return "connection refused"
	case errors.Is(err, syscall.ECONNRESET), errors.Is(err, syscall.EPIPE):
		return "connection reset"
	case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF):
		return "connection closed"
	case errors.As(err, &name):
		return "no such host"
	case errors.As(err, &certificate):
		return "the certificate is not the server's, or not trusted"
	case errors.As(err, &record), errors.As(err, &alert):
		return "no TLS between us"
	case Sent(err):
		return "the answer is not HTTP, or its header is too long"
	default:
		return "no connection"
	}
}
