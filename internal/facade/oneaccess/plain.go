package oneaccess

import (
	"context"
	"slices"
	"strconv"

	"github.com/nyaruka/phonenumbers"
	cldr "golang.org/x/text/language"
	"golang.org/x/text/language/display"

	"yanma.dev/yanma/internal/facade"
)

// serverDate tells the time in milliseconds, as a string (contracts/oneaccess.md
// §3): the timestamp of X-signature.
func (d *dialect) serverDate(_ context.Context, x *facade.Exchange, _ *caller) error {
	x.Out = append(x.Out, `{"timestamp":"`...)
	x.Out = strconv.AppendInt(x.Out, d.Now().UnixMilli(), 10)
	x.Out = append(x.Out, `"}`...)
	return nil
}

// countryCodes lists the countries that the app sends to (contracts/oneaccess.md
// §3).
func (d *dialect) countryCodes(_ context.Context, x *facade.Exchange, c *caller) error {
	x.Out = append(x.Out, `{"phoneAreaCodeDefinitions":[`...)
	for i, region := range c.app.Countries {
		if i > 0 {
			x.Out = append(x.Out, ',')
		}
		x.Out = append(x.Out, `{"areaCode":"`...)
		x.Out = strconv.AppendInt(x.Out, int64(phonenumbers.GetCountryCodeForRegion(region)), 10)
		x.Out = append(x.Out, `","countryCode":`...)
		x.Out = facade.AppendString(x.Out, region)
		names := namesOf(region)
		x.Out = append(x.Out, `,"areaCodeSuffixes":[],"en":`...)
		x.Out = facade.AppendString(x.Out, names.en)
		x.Out = append(x.Out, `,"zh-CN":`...)
		x.Out = facade.AppendString(x.Out, names.zhCN)
		x.Out = append(x.Out, `,"zh-TW":`...)
		x.Out = facade.AppendString(x.Out, names.zhTW)
		x.Out = append(x.Out, '}')
	}
	x.Out = append(x.Out, `],"preferredAreaCode":"`...)
	x.Out = append(x.Out, preferredOf(c.app.Countries)...)
	x.Out = append(x.Out, `"}`...)
	return nil
}

// preferredOf is the country that is offered first: China, or the first one that
// the app sends to.
func preferredOf(countries []string) string {
	if len(countries) == 0 || slices.Contains(countries, "CN") {
		return "CN"
	}
	return countries[0]
}

// names are a country's.
type names struct{ en, zhCN, zhTW string }

// regionsOfChina are named as the contract prints them; CLDR says "SAR".
var regionsOfChina = map[string]names{
	"HK": {"Hong Kong, China", "中国香港", "中國香港"},
	"MO": {"Macao, China", "中国澳门", "中國澳門"},
	"TW": {"Taiwan, China", "中国台湾", "中國台灣"},
}

// namesOf are CLDR's names of an ISO 3166 region; the code itself where it has
// none.
func namesOf(region string) names {
	if n, ok := regionsOfChina[region]; ok {
		return n
	}
	r, err := cldr.ParseRegion(region)
	if err != nil {
		return names{region, region, region}
	}
	return names{display.English.Regions().Name(r), display.SimplifiedChinese.Regions().Name(r), display.TraditionalChinese.Regions().Name(r)}
}
