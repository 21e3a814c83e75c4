package jsms

import (
	"bytes"
	"context"
	"errors"
	"io"
	"mime"
	"mime/multipart"
	"net/url"
	"strconv"
	"strings"
	"unicode/utf8"

	"yanma.dev/yanma/internal/core"
	"yanma.dev/yanma/internal/facade"
	"yanma.dev/yanma/internal/message"
	"yanma.dev/yanma/internal/message/catalogue"
	"yanma.dev/yanma/internal/tenant"
)

// signCap is the cap of a signature's form: a picture of 5 MiB, and what stands
// around it, so that one byte more is an invalid image and not an invalid body
// (contracts/README.md §3.1, jsms.md §12).
const signCap = message.MostImage + 64<<10

// signForm is a signature as a request describes it (contracts/jsms.md §12).
type signForm struct {
	sign, kind, remark string
	image              []byte // nil: none was sent
}

// readSign reads multipart/form-data, or a form without a picture.
func readSign(x *facade.Exchange) (f signForm, err error) {
	media, params, err := mime.ParseMediaType(x.Request.Header.Get("Content-Type"))
	if err != nil {
		media = strings.ToLower(strings.TrimSpace(strings.SplitN(x.Request.Header.Get("Content-Type"), ";", 2)[0]))
	}
	if media != "multipart/form-data" && media != "application/x-www-form-urlencoded" {
		return f, core.E(core.KindMediaType, "Content-Type")
	}
	body, err := x.ReadBody()
	if err != nil {
		return f, err
	}
	if len(body) == 0 {
		return f, core.Field(core.KindMissingField, "body")
	}
	return parseSign(media, params["boundary"], body)
}

// parseSign reads a form of one of the two media types.
func parseSign(media, boundary string, body []byte) (f signForm, err error) {
	if media == "multipart/form-data" {
		return f, f.multipart(body, boundary)
	}
	values, err := url.ParseQuery(string(body))
	if err != nil {
		return f, core.E(core.KindMalformed, "form")
	}
	for name, value := range values {
		if err := f.set(name, value[len(value)-1]); err != nil {
			return f, err
		}
	}
	return f, nil
}

func (f *signForm) multipart(body []byte, boundary string) error {
	if boundary == "" || !bytes.Contains(body, []byte("--"+boundary+"--")) { // the reader takes a form that was cut off for a whole one
		return core.E(core.KindMalformed, "a form without a boundary, or without its end")
	}
	parts := multipart.NewReader(bytes.NewReader(body), boundary)
	for {
		part, err := parts.NextPart()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return core.E(core.KindMalformed, "a broken form")
		}
		data, err := io.ReadAll(part)
		if err != nil {
			return core.E(core.KindMalformed, "a broken form")
		}
		if name := part.FormName(); part.FileName() != "" || name == "image0" || name == "images" {
			if name == "image0" || name == "images" {
				f.image = append([]byte{}, data...)
			}
		} else if err := f.set(name, string(data)); err != nil {
			return err
		}
	}
}

// set takes a member; those of other names are ignored.
func (f *signForm) set(name, value string) error {
	if !utf8.ValidString(value) || strings.ContainsRune(value, 0) {
		return core.E(core.KindMalformed, name)
	}
	switch name {
	case "sign":
		f.sign = value
	case "type":
		f.kind = value
	case "remark":
		f.remark = value
	}
	return nil
}

// otherKind is the type of a signature whose request names none.
const otherKind = 7

// number is type; what is no number is outside of every range.
func (f *signForm) number() uint8 {
	if f.kind == "" {
		return otherKind
	}
	n, err := strconv.ParseUint(f.kind, 10, 8)
	if err != nil {
		return 0
	}
	return uint8(n)
}

func (d *dialect) addSign(ctx context.Context, x *facade.Exchange, app *tenant.App) error {
	f, err := readSign(x)
	if err != nil {
		return err
	}
	s, err := d.Editor.AddSignature(ctx, by(x, app), catalogue.NewSignature{App: app.ID, Text: f.sign, Kind: f.number(), Remark: f.remark, Image: f.image, Alone: true})
	if err == nil {
		x.Out = appendID(x.Out, "sign_id", s.Ref)
	}
	return err
}

func (d *dialect) editSign(ctx context.Context, x *facade.Exchange, app *tenant.App) error {
	f, err := readSign(x)
	if err != nil {
		return err
	}
	change := catalogue.SignatureChange{Text: &f.sign, Remark: &f.remark, Image: f.image, Rejected: true}
	if kind := f.number(); f.kind != "" {
		change.Kind = &kind
	}
	s, err := d.Editor.EditSignature(ctx, by(x, app), app.ID, x.Param("sign_id"), change)
	if err == nil {
		x.Out = appendID(x.Out, "sign_id", s.Ref)
	}
	return err
}

func (d *dialect) showSign(_ context.Context, x *facade.Exchange, app *tenant.App) error {
	s, err := d.Catalogue.FindSignature(app.ID, x.Param("sign_id"))
	if err != nil {
		return err
	}
	out := appendMember(append(x.Out, '{'), "sign_id", s.Ref)
	out = append(out, `,"sign":`...)
	out = facade.AppendString(out, s.Text)
	out = append(out, `,"status":`...)
	out = strconv.AppendInt(out, int64(s.State), 10)
	standard, used := byte('0'), byte('0')
	if s.Default {
		standard = '1'
	}
	if s.State == message.Approved {
		used = '1'
	}
	out = append(append(out, `,"is_default":`...), standard)
	x.Out = append(append(append(out, `,"use_status":`...), used), '}')
	return nil
}

func (d *dialect) deleteSign(ctx context.Context, x *facade.Exchange, app *tenant.App) error {
	if err := d.Editor.DeleteSignature(ctx, by(x, app), app.ID, x.Param("sign_id")); err != nil {
		return err
	}
	deleted(x)
	return nil
}
