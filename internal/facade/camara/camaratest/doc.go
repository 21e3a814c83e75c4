// Package camaratest holds exchanges of the camara dialect to the OpenAPI files
// of the CAMARA project, which are normative (contracts/camara.md).
package camaratest
