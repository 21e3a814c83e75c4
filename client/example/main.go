// Command example sends a code, validates it, and verifies a number without any
// code, against a running `yanma dev`:
//
//	yanma dev &
//	go run ./client/example ./yanma-data/dev.json
package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"os"
	"strings"
	"time"

	"yanma.dev/yanma/client"
	"yanma.dev/yanma/client/number"
	"yanma.dev/yanma/client/otp"
)

func main() {
	path := "yanma-data/dev.json"
	if len(os.Args) > 1 {
		path = os.Args[1]
	}
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	if err := run(ctx, path); err != nil {
		fmt.Fprintln(os.Stderr, "example:", err)
		os.Exit(1)
	}
}

// dev is what the example needs of dev.json.
type dev struct {
	BaseURL string `json:"base_url"`
	Camara  struct {
		ClientID   string `json:"client_id"`
		PrivateKey string `json:"private_key_pem"`
		KeyID      string `json:"kid"`
	} `json:"camara"`
}

// phone is whose code and SIM this is about.
const phone = "+8613700137000"

func run(ctx context.Context, path string) error {
	data, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	var d dev
	if err := json.Unmarshal(data, &d); err != nil {
		return err
	}
	c, err := client.New(client.Options{BaseURL: d.BaseURL, ClientID: d.Camara.ClientID, PrivateKey: []byte(d.Camara.PrivateKey), KeyID: d.Camara.KeyID})
	if err != nil {
		return err
	}
	if err := byCode(ctx, c, d.BaseURL); err != nil {
		return err
	}
	return bySIM(ctx, c, d.BaseURL)
}

// byCode sends a code, reads it from the simulated handset, and validates it.
func byCode(ctx context.Context, c *client.Client, base string) error {
	api, err := c.OTP()
	if err != nil {
		return err
	}
	sent, err := api.SendCodeWithResponse(ctx, &otp.SendCodeParams{}, otp.SendCodeBody{PhoneNumber: phone, Message: "{{code}} is your code for Cool App"})
	if err != nil {
		return err
	}
	if sent.JSON200 == nil {
		return fmt.Errorf("send-code: %s %s", sent.Status(), sent.Body)
	}
	fmt.Println("sent, authenticationId", sent.JSON200.AuthenticationId)
	code, err := typed(ctx, base)
	if err != nil {
		return err
	}
	checked, err := api.ValidateCodeWithResponse(ctx, &otp.ValidateCodeParams{}, otp.ValidateCodeBody{AuthenticationId: sent.JSON200.AuthenticationId, Code: code})
	if err != nil {
		return err
	}
	if checked.StatusCode() != http.StatusNoContent {
		return fmt.Errorf("validate-code: %s %s", checked.Status(), checked.Body)
	}
	fmt.Println("the code is right")
	return nil
}

// typed is what the person reads on the handset and types in.
func typed(ctx context.Context, base string) (string, error) {
	for {
		var messages []struct{ Code string }
		if err := get(ctx, base+"/handset/api/messages?phone="+phone[3:], &messages); err != nil {
			return "", err
		}
		if len(messages) > 0 {
			return messages[0].Code, nil
		}
		select {
		case <-ctx.Done():
			return "", errors.New("no message arrived")
		case <-time.After(100 * time.Millisecond):
		}
	}
}

// bySIM verifies the number with a proof of the simulated carrier.
func bySIM(ctx context.Context, c *client.Client, base string) error {
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, base+"/sim/carrier/token", strings.NewReader(`{"carrier":1,"number":"`+phone+`"}`))
	if err != nil {
		return err
	}
	r.Header.Set("Content-Type", "application/json")
	var made struct{ Token string }
	if err := do(r, &made); err != nil {
		return err
	}
	token, err := c.TokenOf(ctx, made.Token, client.ScopeVerifyNumber)
	if err != nil {
		return err
	}
	api, err := c.Number(token)
	if err != nil {
		return err
	}
	claimed := phone
	verified, err := api.PhoneNumberVerifyWithResponse(ctx, &number.PhoneNumberVerifyParams{}, number.NumberVerificationRequestBody{PhoneNumber: &claimed})
	if err != nil {
		return err
	}
	if verified.JSON200 == nil {
		return fmt.Errorf("verify: %s %s", verified.Status(), verified.Body)
	}
	fmt.Println("the SIM has this number:", verified.JSON200.DevicePhoneNumberVerified)
	return nil
}

func get(ctx context.Context, url string, into any) error {
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return err
	}
	return do(r, into)
}

func do(r *http.Request, into any) error {
	answer, err := http.DefaultClient.Do(r)
	if err != nil {
		return err
	}
	defer answer.Body.Close()
	if answer.StatusCode != http.StatusOK {
		return fmt.Errorf("%s: %s", r.URL.Path, answer.Status)
	}
	return json.NewDecoder(answer.Body).Decode(into)
}
