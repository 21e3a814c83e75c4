// Package number is the generated client of the CAMARA Number Verification API
// 2.1.0, which Yanma serves. Package client authenticates it.
package number

//go:generate go run github.com/oapi-codegen/oapi-codegen/v2/cmd/oapi-codegen@v2.5.0 -config oapi-codegen.yaml ../../internal/facade/camara/openapi/number-verification-r3.2.yaml
