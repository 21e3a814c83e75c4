// Package message owns what a text message says: the signature in 【】 that
// leads it, the wording of code messages, the lines by which a phone's browser
// or an app picks the code out, and how many segments a text is charged for.
// It never sends, stores or prices anything; segmentation itself is
// message/text, what the database keeps of templates and signatures is
// message/catalogue, and sending is message/dispatch.
//
//	CodeTemplate ──Validate──▶ kept with the app
//	CodeTemplate + code + life ──RenderCode──▶ 【验码】您的验证码是042917，5分钟内有效，请勿泄露。
//	                                           @example.com #042917        (Domain)
//	                                           or: FA+9qCX9VSu             (AppHash)
//	Template ──Check──▶ catalogue ──operator's verdict──▶ Render with parameters ──▶ 【验码】您好，张三
//	text + phone ──SegmentCount──▶ what the ledger charges
package message
