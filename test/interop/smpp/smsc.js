// An SMSC made of npm's smpp, for the Go test beside it. It prints what it
// receives as JSON lines and takes commands as JSON lines. With arguments it
// speaks TLS: the files of its certificate, its key, and who vouches for clients.
//
// The destination's last digits decide: 1 throttled once for each number, then
// accepted; 2 answered with a hexadecimal id, receipt decimal; 3 never
// answered; anything else accepted, receipt delivered.
'use strict';
const fs = require('fs');
const readline = require('readline');
const smpp = require('smpp');

const print = (event) => process.stdout.write(JSON.stringify(event) + '\n');
const sessions = new Set();
const throttled = new Set();
let lastID = 4000000000;

function text(pdu) {
  const body = pdu.message_payload && pdu.message_payload.message ? pdu.message_payload : pdu.short_message;
  return { text: body.message.toString(), udh: body.udh ? body.udh.map((e) => e.toString('hex')).join('') : '' };
}

function submit(session, pdu) {
  print(Object.assign({
    event: 'submit', as: session.boundAs, to: pdu.destination_addr, from: pdu.source_addr, sourceTON: pdu.source_addr_ton,
    destTON: pdu.dest_addr_ton, destNPI: pdu.dest_addr_npi, coding: pdu.data_coding, receipt: pdu.registered_delivery,
    esm: pdu.esm_class, payload: Boolean(pdu.message_payload),
  }, text(pdu)));
  const last = pdu.destination_addr.slice(-1);
  if (last === '3') return;
  if (last === '1' && !throttled.has(pdu.destination_addr)) {
    throttled.add(pdu.destination_addr);
    session.send(pdu.response({ command_status: smpp.ESME_RTHROTTLED }));
    return;
  }
  const id = ++lastID;
  session.send(pdu.response({ message_id: last === '2' ? id.toString(16) : String(id) }));
  receiver(session).deliver_sm({
    source_addr: pdu.destination_addr, destination_addr: pdu.source_addr, esm_class: 4,
    short_message: `id:${id} sub:001 dlvrd:001 submit date:2311212130 done date:2311212131 stat:DELIVRD err:000 text:`,
  }, (resp) => print({ event: 'receipt answered', id: String(id), status: resp.command_status, as: receiver(session).boundAs }));
}

// receiver is where receipts for a session go: a bound receiver, if there is one.
function receiver(session) {
  for (const other of sessions) if (other.boundAs === 'bind_receiver') return other;
  return session;
}

const [cert, key, ca] = process.argv.slice(2).map((file) => fs.readFileSync(file));
const secured = cert ? { cert, key, ca, requestCert: true, rejectUnauthorized: true } : {};
const server = smpp.createServer(secured, (session) => {
  session.on('error', (error) => print({ event: 'error', text: String(error) }));
  session.on('close', () => { sessions.delete(session); print({ event: 'closed' }); });
  const bind = (pdu) => {
    const status = pdu.system_id !== 'yanma' ? smpp.ESME_RINVSYSID : pdu.password !== 'secret08' ? smpp.ESME_RINVPASWD : 0;
    session.send(pdu.response({ command_status: status, system_id: 'node' }));
    print({ event: 'bind', status, text: pdu.system_type, as: pdu.command });
    if (status) return session.close();
    session.boundAs = pdu.command;
    sessions.add(session);
  };
  for (const kind of ['bind_transceiver', 'bind_transmitter', 'bind_receiver']) session.on(kind, bind);
  session.on('submit_sm', (pdu) => submit(session, pdu));
  session.on('enquire_link', (pdu) => { session.send(pdu.response()); print({ event: 'enquire_link' }); });
  session.on('unbind', (pdu) => { session.send(pdu.response()); print({ event: 'unbind' }); session.close(); });
});
server.listen(0, '127.0.0.1', () => print({ event: 'listening', port: server.address().port }));

const commands = {
  unbind: (session) => session.unbind(() => { print({ event: 'unbound' }); session.close(); }),
  enquire: (session) => session.enquire_link(() => print({ event: 'enquire answered' })),
  text: (session, c) => session.deliver_sm({ source_addr_ton: 1, source_addr_npi: 1, source_addr: c.from, destination_addr: '10690', short_message: c.text },
    (resp) => print({ event: 'text answered', status: resp.command_status })),
};
readline.createInterface({ input: process.stdin }).on('line', (line) => {
  const command = JSON.parse(line);
  for (const session of sessions) commands[command.command](session, command);
}).on('close', () => process.exit(0));
