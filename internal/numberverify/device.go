package numberverify

import (
	"yanma.dev/yanma/internal/tenant"
)

// How a browser gets a proof (contracts/submail.md §9).
const (
	ModeDirect = "direct" // the device asks the carrier, and has the proof
	ModeRelay  = "relay"  // the device asks the carrier, and we read its answer
	ModeSim    = "sim"    // the bundled simulator
)

// DeviceRoute is how browsers get proofs for a gateway.
type DeviceRoute struct {
	Carriers []Carrier // in no order
	Mode     string
	Method   string
	URL      string
	Encoding string                                     // of a POST: form or json
	Params   func(c Carrier) (map[string]string, error) // signed, anew for each session
	Token    func(answer string) string                 // of ModeRelay: the proof in the gateway's answer; "" when there is none
}

func (d *DeviceRoute) token(answer string) string {
	if d.Token == nil {
		return answer
	}
	return d.Token(answer)
}

// deviceOrder is the order in which a device tries them (contracts/submail.md §9).
var deviceOrder = [...]Carrier{CarrierMobile, CarrierTelecom, CarrierUnicom}

// Devices are the gateways that a browser of the app's pages tries, in this
// order. One whose parameters can not be signed is left out.
func (s *Service) Devices(app *tenant.App) []Device {
	var all []Device
	for _, c := range deviceOrder {
		r := s.deviceRoute(app, c)
		if r == nil {
			continue
		}
		d := r.Device
		entry := Device{Carrier: c, Mode: d.Mode, Method: d.Method, URL: d.URL, Encoding: d.Encoding, Params: map[string]string{}}
		if d.Params != nil {
			var err error
			if entry.Params, err = d.Params(c); err != nil {
				s.o.Log.Error("numberverify: a page's parameters can not be signed", "gateway", r.Gateway.Name(), "error", err.Error())
				continue
			}
		}
		all = append(all, entry)
	}
	return all
}

// deviceRoute is the first gateway whose proofs a browser can get for a carrier.
func (s *Service) deviceRoute(app *tenant.App, c Carrier) *route {
	for _, r := range s.routes {
		if r.Device == nil || !r.serves(app.ID) {
			continue
		}
		for _, have := range r.Device.Carriers {
			if have == c {
				return r
			}
		}
	}
	return nil
}
