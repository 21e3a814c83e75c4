package guard

import "github.com/nyaruka/phonenumbers"

type exampleNumber struct {
	region, class, e164 string
	mobile              bool // of this region: a shared plan counts for its main country
}

// exampleNumbers are the metadata's own examples of every region and class.
func exampleNumbers() []exampleNumber {
	classes := map[phonenumbers.PhoneNumberType]string{
		phonenumbers.FIXED_LINE: "fixed line", phonenumbers.MOBILE: "mobile", phonenumbers.TOLL_FREE: "toll free",
		phonenumbers.PREMIUM_RATE: "premium", phonenumbers.SHARED_COST: "shared cost", phonenumbers.VOIP: "VoIP",
		phonenumbers.PERSONAL_NUMBER: "personal", phonenumbers.PAGER: "pager", phonenumbers.UAN: "UAN", phonenumbers.VOICEMAIL: "voicemail",
	}
	var all []exampleNumber
	for region := range phonenumbers.GetSupportedRegions() {
		for class, name := range classes {
			number := phonenumbers.GetExampleNumberForType(region, class)
			if number == nil {
				continue
			}
			actual := phonenumbers.GetNumberType(number) // in some plans fixed line and mobile are one range
			all = append(all, exampleNumber{
				region: region, class: name, e164: phonenumbers.Format(number, phonenumbers.E164),
				mobile: phonenumbers.GetRegionCodeForNumber(number) == region &&
					(actual == phonenumbers.MOBILE || actual == phonenumbers.FIXED_LINE_OR_MOBILE),
			})
		}
	}
	return all
}
