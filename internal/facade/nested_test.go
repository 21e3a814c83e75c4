package facade

import "testing"

// TestNestedValues: what stands inside of a body is read like the body itself.
func TestNestedValues(t *testing.T) {
	o, err := ParseObject([]byte(`{"list":[ 1 , {"a":"\u5b57","b":[]} ,"]",[2,[3]],null, true ],"empty":[ ],"none":{},"text":"[1]"}`))
	if err != nil {
		t.Fatal(err)
	}
	list, ok := o.Get("list").Elements()
	want := []string{`1`, `{"a":"\u5b57","b":[]}`, `"]"`, `[2,[3]]`, `null`, `true`}
	if !ok || len(list) != len(want) {
		t.Fatalf("%v, %v", list, ok)
	}
	for i, v := range list {
		if v.Literal() != want[i] {
			t.Errorf("element %d is %s, want %s", i, v.Literal(), want[i])
		}
	}
	inner, ok := list[1].Object()
	text, _ := inner.Get("a").Text()
	if !ok || text != "字" || inner.Len() != 2 {
		t.Errorf("%v %q", ok, text)
	}
	if empty, ok := o.Get("empty").Elements(); !ok || len(empty) != 0 {
		t.Error("an empty array is one")
	}
	if none, ok := o.Get("none").Object(); !ok || none.Len() != 0 {
		t.Error("an empty object is one")
	}
	for _, name := range []string{"text", "missing", "none"} {
		if _, ok := o.Get(name).Elements(); ok {
			t.Errorf("%s is no array", name)
		}
	}
	for _, name := range []string{"text", "missing", "list"} {
		if _, ok := o.Get(name).Object(); ok {
			t.Errorf("%s is no object", name)
		}
	}
	names := ""
	o.Each(func(name string, _ Value) { names += name + " " })
	if names != "list empty none text " {
		t.Error(names)
	}
}

func FuzzNestedValues(f *testing.F) {
	f.Add([]byte(`{"a":[{"b":[1,"\ud83d\ude00"]},{}]}`))
	f.Fuzz(func(t *testing.T, body []byte) {
		o, err := ParseObject(body)
		if err != nil {
			return
		}
		var visit func(v Value, depth int)
		visit = func(v Value, depth int) {
			if depth > maxDepth {
				t.Fatal("deeper than a body may be")
			}
			elements, isArray := v.Elements()
			object, isObject := v.Object()
			if isArray && isObject {
				t.Fatal("both")
			}
			for _, e := range elements {
				visit(e, depth+1)
			}
			object.Each(func(_ string, v Value) { visit(v, depth+1) })
		}
		o.Each(func(_ string, v Value) { visit(v, 1) })
	})
}
