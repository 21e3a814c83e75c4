/*! vfmobile.js: is this the number of this phone's SIM? Plain ES5.
 *  VFM.init({appid, success(data), error(data)})    data: {netType, msg, appid, code}
 *  VFM.getTokenInfo({success(res), error(res)})     res:  {code, message, token, userInformarion} | {code, message, YDData, CTData, CUData, respCode}
 *  The phone itself asks its carrier, over its cellular connection; what it gets
 *  is sent to the page's server, which asks whether it belongs to a number.
 *  VFM.sim = {number, outcome, netType} stands in for phone and SIM where the
 *  only carrier is the bundled simulator, and nowhere else. */
(function (window, document) {
  'use strict';

  var PATH = '/libraries/js/vfmobile.min.js';
  var NAMES = { 1: 'YDData', 2: 'CUData', 3: 'CTData' };
  var CELLULAR = { '4g': 1, '5g': 1, cellular: 1 };
  var TIMEOUT = 5000; // ms, of each call
  var base = baseURL();
  var state = null; // of the last init that succeeded

  // The script's own address says where the server is, its path prefix included.
  function baseURL() {
    var all = document.getElementsByTagName('script'), i, at;
    var own = document.currentScript && document.currentScript.src;
    for (i = all.length; !own && i--;) if (all[i].src.indexOf(PATH) >= 0) own = all[i].src;
    at = own ? own.indexOf(PATH) : -1;
    return at < 0 ? '' : own.slice(0, at);
  }

  function nothing() {}

  // call sends one request without cookies and gives the text of the answer, or null.
  function call(method, url, body, type, done) {
    var x = new XMLHttpRequest();
    x.onload = function () { done(x.status >= 200 && x.status < 300 ? x.responseText : null); };
    x.onerror = x.ontimeout = x.onabort = function () { done(null); };
    try {
      x.open(method, url, true);
      x.timeout = TIMEOUT;
      x.withCredentials = false;
      if (type) x.setRequestHeader('Content-Type', type);
      x.send(body);
    } catch (e) { done(null); }
  }

  function parse(text) {
    try { return JSON.parse(text); } catch (e) { return null; }
  }

  function query(params) {
    var parts = [], name;
    for (name in params) if (Object.prototype.hasOwnProperty.call(params, name)) {
      parts.push(encodeURIComponent(name) + '=' + encodeURIComponent(params[name]));
    }
    return parts.join('&');
  }

  // netType: 4g, 5g, cellular, wifi, unknown. iOS tells nobody.
  function netType() {
    var seen = /NetType\/(\w+)/i.exec(navigator.userAgent); // apps that embed pages
    var c = navigator.connection || navigator.mozConnection || navigator.webkitConnection;
    var kind = seen ? seen[1].toLowerCase() : c && c.type || '';
    if (kind === 'wifi' || kind === '4g' || kind === '5g') return kind;
    if (kind === 'cellular') return c && (c.effectiveType === '4g' || c.effectiveType === '5g') ? c.effectiveType : kind;
    return /^(2g|3g\+?|wwan)$/.test(kind) ? 'cellular' : 'unknown';
  }

  function simulated() {
    return state && state.gateways.length > 0 && state.gateways[0].mode === 'sim' && VFM.sim || null;
  }

  function init(options) {
    var appid = String(options.appid === undefined ? '' : options.appid);
    var success = options.success || nothing, error = options.error || nothing;
    state = null;
    call('GET', base + '/vfmobile/init?appid=' + encodeURIComponent(appid), null, '', function (text) {
      var answer = parse(text) || { code: 500, msg: 'no answer' };
      var data = { netType: netType(), msg: answer.msg, appid: appid, code: answer.code };
      if (answer.code !== 0) return error(data);
      state = { appid: appid, session: answer.session, gateways: answer.gateways || [] };
      if (simulated() && simulated().netType) data.netType = simulated().netType;
      state.netType = data.netType;
      success(data);
    });
  }

  function getTokenInfo(options) {
    var success = options.success || nothing, error = options.error || nothing;
    var failed = { code: 1, message: '', YDData: null, CTData: null, CUData: null, respCode: '', token: '' };
    var now = state, i = 0;

    function fail(message) { failed.message = message; error(failed); }

    function next(result) {
      if (result) {
        failed[NAMES[now.gateways[i - 1].type]] = result;
        failed.respCode = result.code;
      }
      if (i === now.gateways.length) return fail('获取token失败');
      ask(now.gateways[i++]);
    }

    function ask(g) {
      var params = {}, name, sim = simulated(), body = null, url = g.url, type = '';
      if (url.charAt(0) === '/') url = base.replace(/^(https?:\/\/[^\/]*).*/, '$1') + url;
      for (name in g.params) params[name] = g.params[name];
      if (g.mode === 'sim') {
        if (!sim || sim.carrier && sim.carrier !== g.type) return next({ code: '103111', message: 'not on this network' });
        params.carrier = g.type; // a real network knows the SIM by itself
        params.number = sim.number;
        params.outcome = sim.outcome || 'ok';
      }
      if (g.mode === 'sim' || g.method !== 'GET' && g.encoding === 'json') {
        body = JSON.stringify(params);
        type = 'application/json';
      } else if (g.method === 'GET') {
        url += (url.indexOf('?') < 0 ? '?' : '&') + query(params);
      } else {
        body = query(params);
        type = 'application/x-www-form-urlencoded';
      }
      call(g.method, url, body, type, function (text) {
        var answer = parse(text) || {}, inner = answer.data || answer.body || {};
        var token = answer.token || inner.token || '';
        var own = { code: String(answer.resultCode || inner.resultCode || answer.code || answer.result || ''),
          message: String(answer.resultDesc || inner.resultDesc || answer.desc || answer.msg || 'no token') };
        if (text === null) return next({ code: '', message: 'no answer' });
        if (g.mode === 'relay') return report(g, text, own);
        if (!token) return next(own);
        report(g, token);
      });
    }

    // own is what the carrier said to the phone, where only our server can read whether that is a token.
    function report(g, token, own) {
      var body = JSON.stringify({ session: now.session, type: g.type, token: token });
      call('POST', base + '/vfmobile/token', body, 'application/json', function (text) {
        var answer = parse(text), info = userInformation();
        if (!answer) return next({ code: '', message: 'no answer' });
        if (answer.code !== 0) return next(own && own.code && answer.code === 1312 ? own : { code: String(answer.code), message: answer.message });
        success({ code: 0, message: answer.message, token: answer.token, userInformarion: info, userInformation: info });
      });
    }

    if (!now) return fail('init first');
    if (now.netType === 'wifi') return fail('wifi: the carrier sees the SIM only on cellular data');
    next(null);
  }

  // userInformation is platform@@userAgent@@MD5 of twelve properties of the device.
  function userInformation() {
    var s = window.screen || {}, n = navigator, list = [
      n.language, s.colorDepth, n.deviceMemory, n.hardwareConcurrency, s.width + 'x' + s.height, s.availWidth + 'x' + s.availHeight,
      new Date().getTimezoneOffset(), zone(), [!!window.localStorage, !!window.sessionStorage, !!window.indexedDB].join(), n.maxTouchPoints, n.vendor, canvas()];
    return encodeURIComponent(btoa(utf8(n.platform + '@@' + n.userAgent + '@@' + md5(utf8(list.join('@@'))))));
  }

  function zone() {
    try { return Intl.DateTimeFormat().resolvedOptions().timeZone; } catch (e) { return ''; }
  }

  function canvas() {
    try {
      var c = document.createElement('canvas'), g = c.getContext('2d');
      g.font = '16px sans-serif';
      g.fillText('验码 yanma 0123', 2, 20);
      return md5(c.toDataURL());
    } catch (e) { return ''; }
  }

  function utf8(text) { return unescape(encodeURIComponent(text)); }

  // md5 of a string of bytes, in hex (RFC 1321).
  function md5(text) {
    var k = [], r = [7, 12, 17, 22, 5, 9, 14, 20, 4, 11, 16, 23, 6, 10, 15, 21], w = [], i, j, out = '';
    var h = [1732584193, -271733879, -1732584194, 271733878], v, f, g, t, n = text.length;
    for (i = 0; i < 64; i++) k[i] = Math.floor(Math.abs(Math.sin(i + 1)) * 4294967296) | 0;
    for (i = 0; i < n; i++) w[i >> 2] |= text.charCodeAt(i) << (i % 4 * 8);
    w[n >> 2] |= 128 << (n % 4 * 8);
    j = ((n + 8 >> 6) + 1) * 16;
    w[j - 2] = n << 3;
    w[j - 1] = n >>> 29;
    for (j -= 16, i = 0; i <= j; i += 16) {
      v = h.slice();
      for (t = 0; t < 64; t++) {
        f = t < 16 ? v[1] & v[2] | ~v[1] & v[3] : t < 32 ? v[3] & v[1] | ~v[3] & v[2] : t < 48 ? v[1] ^ v[2] ^ v[3] : v[2] ^ (v[1] | ~v[3]);
        g = t < 16 ? t : t < 32 ? 5 * t + 1 : t < 48 ? 3 * t + 5 : 7 * t;
        f = v[0] + f + k[t] + (w[i + g % 16] | 0) | 0;
        g = r[(t >> 4) * 4 + t % 4];
        v = [v[3], v[1] + (f << g | f >>> 32 - g) | 0, v[1], v[2]];
      }
      for (t = 0; t < 4; t++) h[t] = h[t] + v[t] | 0;
    }
    for (i = 0; i < 32; i++) out += (h[i >> 3] >> (i % 8 ^ 1) * 4 & 15).toString(16);
    return out;
  }

  var VFM = window.VFM = { init: init, getTokenInfo: getTokenInfo, sim: null, md5: md5 };
})(window, document);
