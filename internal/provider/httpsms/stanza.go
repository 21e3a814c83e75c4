package httpsms

// Request is how a message is asked for by a provider of type http. Its texts
// are templates: {to} is the number as in +8613800138000, {to.digits} without
// the plus, {to.national} as mainland carriers take it; {from}, {text}, {id}
// (32 hexadecimal digits, new for each request), {validity} in seconds, {time}
// and {time_ms} since 1970, {account}, {password}, {application}, {signature},
// {receipts} where receipts are taken, {template} the carrier's code of the
// message's template, {params} its parameters as JSON, {param.NAME} one of ours.
type Request struct {
	Method   string            // GET, POST or PUT [POST]
	Encoding string            // query, form or json [query for GET, else form]
	Fields   map[string]string // parameters of query and form
	Body     string            // the document of json; its texts are templates
	Headers  map[string]string
	Auth     string // none, basic (account and password) or bearer (password) [none]
	Sign     Sign
}

// Sign is a signature of a request.
type Sign struct {
	Algorithm string // hmac-sha256 or md5 [none]
	Over      string // what is signed: also {sorted} (k=v&… of the fields), {body}, {path} [{sorted}{password} for md5, {body} else]
	Encoding  string // hex or base64 [hex]
	Field     string // parameter that gets it
	Header    string // header that gets it
	Value     string // of the header or field, with {sign} [{sign}]
}

// Response is what an answer means.
type Response struct {
	Format  string            // json or text [json]
	Code    string            // path of the code, such as result.0.code; "" = the status alone tells
	OK      []string          // codes of success
	ID      string            // path of the carrier's id; {id} = it keeps ours
	Pattern string            // of text: a regular expression with the groups code and id
	Codes   map[string]string // code, or its beginning and *: rejected, throttled, unknown or not_sent [rejected]
}

// Receipt is how receipts come.
type Receipt struct {
	Format string            // query, form or json [form]
	List   string            // of json: path of the list; "" = the document, or each of its elements
	ID     string            // name or path of the carrier's id
	Code   string            // name or path of what happened
	Time   string            // name or path of when: seconds or milliseconds since 1970, or 2006-01-02 15:04:05
	States map[string]string // code: delivered, undelivered or submitted; others by contracts/delivery.md §8
	Answer string            // what the carrier wants to read

	Auth      string // none, hmac-sha256, md5, basic or bearer [none: the secret path alone]
	Over      string // what is signed, of {body}, {sorted}, {key}, {field.NAME}, {header.NAME} [{body}; {sorted}{key} for md5]
	Encoding  string // hex or base64 [hex]
	Signature string // where the signature is: header:NAME or field:NAME
}

// Text is how texts of subscribers come, in Receipt's format and with its
// signature.
type Text struct {
	From string // name or path of the number
	To   string
	Text string
}
