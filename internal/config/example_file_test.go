package config

import (
	"fmt"
	"os"
	"reflect"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"yanma.dev/yanma/internal/core"
	"yanma.dev/yanma/internal/guard"
)

const exampleFile = "../../yanma.example.toml"

// environment has what the example names.
func environment(name string) string {
	return map[string]string{"YANMA_OPERATOR_TOKEN": "0123456789abcdef", "YANMA_SMPP_PASSWORD": "secret8c", "YANMA_CMPP_SECRET": "secret of the SP",
		"YANMA_OPERATOR_KEY": operatorKey, "YANMA_VERIFIER_SECRET": "0x4AAA",
		"YANMA_SIP_PASSWORD": "secret of the trunk",
		"YANMA_CARRIER_KEY":  "key of the carrier", "YANMA_RECEIPT_SECRET": "0123456789abcdef", "YANMA_RECEIPT_KEY": "hook key"}[name]
}

// operatorKey is made for this test.
const operatorKey = `-----BEGIN PRIVATE KEY-----
MIGHAgEAMBMGByqGSM49AgEGCCqGSM49AwEHBG0wawIBAQQgJNBXhh10gF2FHI46
8MEvynVoEBGVTL+RPWo/ggUTMsChRANCAAROFuHFha3aynNIxHy40CljS1/SZF17
7uy33VsLiH3rpOGygoVCzwY18fHyXhuu22EnW8x3+z6BIBm0hArO4Hhf
-----END PRIVATE KEY-----
`

func example(t *testing.T) string {
	t.Helper()
	data, err := os.ReadFile(exampleFile)
	if err != nil {
		t.Fatal(err)
	}
	return string(data)
}

// uncommented is the example with everything that it shows commented out.
func uncommented(t *testing.T) string {
	return regexp.MustCompile(`(?m)^#([a-z\[])`).ReplaceAllString(example(t), "$1")
}

func same(t *testing.T, got, want any) {
	t.Helper()
	opaque := cmp.Exporter(func(reflect.Type) bool { return true })
	if diff := cmp.Diff(want, got, opaque); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
}

func TestExampleShowsTheDefaults(t *testing.T) {
	got, err := Parse([]byte(example(t)), environment, os.ReadFile)
	if err != nil {
		t.Fatal(err)
	}
	want := Defaults()
	want.Operator.Token = Secret{core.NewSecret("0123456789abcdef")}
	opaque := cmp.Exporter(func(reflect.Type) bool { return true })
	if diff := cmp.Diff(want, got, opaque, cmpopts.EquateEmpty()); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
}

func TestExampleShowsWhatIsCommentedOut(t *testing.T) {
	got, err := Parse([]byte(uncommented(t)), environment, os.ReadFile)
	if err != nil {
		t.Fatal(err)
	}
	rules, err := guard.DefaultRules().With(got.Limits.Rules)
	if err != nil {
		t.Fatal(err)
	}
	same(t, rules, guard.DefaultRules())
	same(t, got.Facades, map[string]Facade{"yunbox": {Hosts: []string{}}})

	want := Provider{Name: "main", Type: "smpp", Address: "smsc.example.net:2775", SystemID: "yanma", Password: Secret{core.NewSecret("secret8c")}}
	want.providerDefaults()
	same(t, got.Providers[:1], []Provider{want})
	mobile := Provider{Name: "mobile", Type: "cmpp", Address: "cmpp.example.net:7890", SPID: "901234", Password: Secret{core.NewSecret("secret of the SP")}}
	mobile.providerDefaults()
	same(t, got.Providers[1:2], []Provider{mobile})
	var types []string
	for _, p := range got.Providers {
		types = append(types, p.Type)
	}
	same(t, types, providerTypes())
	same(t, got.Receipts, Receipts{Prefix: "/receipts"})
}

func TestExampleHasEveryKey(t *testing.T) {
	shown := findLines([]byte(uncommented(t)))
	for _, key := range keysOf(reflect.TypeFor[Config](), "") {
		line := shown[key]
		for n := 0; line == 0 && n < len(providerTypes()); n++ { // each type has keys of its own
			line = shown[strings.Replace(key, ".N.", "."+strconv.Itoa(n)+".", 1)]
		}
		if line == 0 {
			t.Errorf("%s is not in the example", key)
			continue
		}
		text := strings.Split(example(t), "\n")[line-1]
		if !strings.HasPrefix(text, "[") && strings.Count(strings.TrimPrefix(text, "#"), " # ") != 1 && !strings.HasPrefix(text, "#[") {
			t.Errorf("%s: no comment says what it means: %s", key, text)
		}
	}
	for _, rule := range guard.DefaultRules().All() {
		if shown["limits.rules."+rule.Name] == 0 {
			t.Errorf("the limit %s is not in the example", rule.Name)
		}
	}
}

// keysOf lists the keys that a struct decodes, and those of the structs in it.
func keysOf(t reflect.Type, table string) []string {
	var keys []string
	for i := range t.NumField() {
		field := t.Field(i)
		if !field.IsExported() {
			continue // no key
		}
		name := field.Tag.Get("toml")
		if name == "" {
			panic(fmt.Sprintf("%s.%s has no key", t, field.Name))
		}
		key := table + name
		switch {
		case name == "facade":
			keys = append(keys, keysOf(field.Type.Elem(), key+".yunbox.")...)
		case name == "route":
			keys = append(keys, keysOf(field.Type.Elem(), key+".0.")...)
		case name == "providers":
			keys = append(keys, keysOf(field.Type.Elem(), key+".0.")...)
		case name == "provider":
			keys = append(keys, keysOf(field.Type.Elem(), key+".N.")...)
		case field.Type.Kind() == reflect.Struct && strings.HasSuffix(field.Type.PkgPath(), "/httpsms"):
			keys = append(keys, keysOf(field.Type, key+".")...)
		case field.Type.Kind() == reflect.Struct && field.Type.PkgPath() == t.PkgPath() && field.Type.Name() != "Secret":
			keys = append(keys, keysOf(field.Type, key+".")...)
		case key == "limits.rules":
		default:
			keys = append(keys, key)
		}
	}
	return keys
}
