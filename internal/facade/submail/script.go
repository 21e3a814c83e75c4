package submail

import (
	"context"
	"crypto/sha256"
	_ "embed"
	"encoding/hex"
	"net/http"
	"strings"

	"yanma.dev/yanma/internal/facade"
)

// scriptText is the browser script. It is served as it stands in the tree, not
// minified: pages see what we see, and there is no second file to keep in step.
//
//go:embed script/vfmobile.js
var scriptText []byte

// Script is the browser script.
func Script() []byte { return scriptText }

// serveScript serves /libraries/js/vfmobile.min.js (contracts/submail.md §9).
func serveScript(_ context.Context, x *facade.Exchange) error {
	sum := sha256.Sum256(scriptText)
	tag := `"` + hex.EncodeToString(sum[:8]) + `"`
	x.SetHeader("Etag", tag)
	x.SetHeader("Cache-Control", "max-age=3600")
	if matchesTag(x.Request.Header.Get("If-None-Match"), tag) {
		x.Status, x.ContentType = http.StatusNotModified, ""
		return nil
	}
	x.ContentType = "text/javascript;charset=UTF-8"
	x.Out = append(x.Out, scriptText...)
	return nil
}

func matchesTag(header, tag string) bool {
	for _, one := range strings.Split(header, ",") {
		if one = strings.TrimSpace(one); one == "*" || strings.TrimPrefix(one, "W/") == tag {
			return true
		}
	}
	return false
}
