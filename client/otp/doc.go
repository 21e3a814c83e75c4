// Package otp is the generated client of the CAMARA One-Time-Password SMS API
// 1.1.1, which Yanma serves. Package client authenticates it.
package otp

//go:generate go run github.com/oapi-codegen/oapi-codegen/v2/cmd/oapi-codegen@v2.5.0 -config oapi-codegen.yaml ../../internal/facade/camara/openapi/one-time-password-sms-r3.2.yaml
