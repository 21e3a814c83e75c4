package httpsms

// Request is how a message is asked for by a provider of type http. Its texts
// are templates: {to} is the number as in +8613800138000, {to.digits} without
// the plus, {to.national} as mainland carriers take it; {from}, {text}, {id}
// (32 hexadecimal digits, new for each request), {validity} in seconds, {time}
// and {time_ms} since 1970, {account}, {password}, {application}, {signature},
// {receipts} where receipts are taken, {template} the carrier's code of the
// message's template, {params} its parameters as JSON, {param.NAME} one of ours.
type Request struct {
	Method   string            `toml:"method"`   // GET, POST or PUT [POST]
	Encoding string            `toml:"encoding"` // query, form or json [query for GET, else form]
	Fields   map[string]string `toml:"fields"`   // parameters of query and form
	Body     string            `toml:"body"`     // the document of json; its texts are templates
	Headers  map[string]string `toml:"headers"`
	Auth     string            `toml:"auth"` // none, basic (account and password) or bearer (password) [none]
	Sign     Sign              `toml:"sign"`
}

// Sign is a signature of a request.
type Sign struct {
	Algorithm string `toml:"algorithm"` // hmac-sha256 or md5 [none]
	Over      string `toml:"over"`      // what is signed: also {sorted} (k=v&… of the fields), {body}, {path} [{sorted}{password} for md5, {body} else]
	Encoding  string `toml:"encoding"`  // hex or base64 [hex]
	Field     string `toml:"field"`     // parameter that gets it
	Header    string `toml:"header"`    // header that gets it
	Value     string `toml:"value"`     // of the header or field, with {sign} [{sign}]
}

// Response is what an answer means.
type Response struct {
	Format  string            `toml:"format"`  // json or text [json]
	Code    string            `toml:"code"`    // path of the code, such as result.0.code; "" = the status alone tells
	OK      []string          `toml:"ok"`      // codes of success
	ID      string            `toml:"id"`      // path of the carrier's id; {id} = it keeps ours
	Pattern string            `toml:"pattern"` // of text: a regular expression with the groups code and id
	Codes   map[string]string `toml:"codes"`   // code, or its beginning and *: rejected, throttled, unknown or not_sent [rejected]
}

// Receipt is how receipts come.
type Receipt struct {
	Format string            `toml:"format"` // query, form or json [form]
	List   string            `toml:"list"`   // of json: path of the list; "" = the document, or each of its elements
	ID     string            `toml:"id"`     // name or path of the carrier's id
	Code   string            `toml:"code"`   // name or path of what happened
	Time   string            `toml:"time"`   // name or path of when: seconds or milliseconds since 1970, or 2006-01-02 15:04:05
	States map[string]string `toml:"states"` // code: delivered, undelivered or submitted; others by contracts/delivery.md §8
	Answer string            `toml:"answer"` // what the carrier wants to read

	Auth      string `toml:"auth"`      // none, hmac-sha256, md5, basic or bearer [none: the secret path alone]
	Over      string `toml:"over"`      // what is signed, of {body}, {sorted}, {key}, {field.NAME}, {header.NAME} [{body}; {sorted}{key} for md5]
	Encoding  string `toml:"encoding"`  // hex or base64 [hex]
	Signature string `toml:"signature"` // where the signature is: header:NAME or field:NAME
}

// Text is how texts of subscribers come, in Receipt's format and with its
// signature.
type Text struct {
	From string `toml:"from"` // name or path of the number
	To   string `toml:"to"`
	Text string `toml:"text"`
}
