// Package siteverify asks somebody else whether a challenge of theirs was passed:
// a POST of secret and token, answered by {"success": true}. Turnstile, hCaptcha,
// reCAPTCHA and their like take exactly that. It keeps no token, logs none, and
// says yes to nothing but a yes: an answer that is late, broken or missing is an
// error.
//
//	token ─▶ breaker ─ resting: error at once
//	      ─▶ POST secret, response, remoteip ≤ 3 s ─▶ success true  passed
//	                                               ─▶ success false  not passed
//	                                               ─▶ anything else  error, counted by the breaker
package siteverify
