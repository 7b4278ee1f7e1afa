// The page:
//
//  1. watch() gets the picture by WHEP. When the connection breaks, it begins anew.
//  2. listen() is told twice a second by the receiver how it goes there. That it was started anew shows here first.
//  3. tick() writes what is known of both, and says when there is no signal.
//  4. The keys and the buttons do the same.

const silentAfter = 2; // seconds without a picture, before the page says so
const retryEvery = 1000; // ms, between two attempts
const tickEvery = 500; // ms
const idleAfter = 3000; // ms without mouse or key, before the controls are hidden

const element = (id) => document.getElementById(id);
const picture = element('picture');
const sound = element('sound');

// 1. The picture.

let connection = null; // the RTCPeerConnection
let place = null; // the URL that ends it
let attempts = 0; // so that what comes late from an older one is not listened to
let retry = 0;

async function watch() {
  stop();
  const attempt = ++attempts;
  const peer = new RTCPeerConnection();
  connection = peer;
  for (const kind of ['video', 'audio']) {
    const { receiver } = peer.addTransceiver(kind, { direction: 'recvonly' });
    hurry(receiver);
  }
  peer.ontrack = ({ track, receiver }) => {
    hurry(receiver);
    // One element each: the picture does not wait for the sound.
    (track.kind === 'video' ? picture : sound).srcObject = new MediaStream([track]);
  };
  peer.onconnectionstatechange = () => {
    if (attempt === attempts && ['failed', 'disconnected'].includes(peer.connectionState)) again();
  };
  try {
    await peer.setLocalDescription();
    const response = await fetch('whep', {
      method: 'POST', headers: { 'Content-Type': 'application/sdp' }, body: peer.localDescription.sdp, signal: AbortSignal.timeout(5000),
    });
    const text = await response.text();
    if (!response.ok) throw new Error(text.trim());
    const location = new URL(response.headers.get('Location'), document.baseURI);
    if (attempt !== attempts) {
      goodbye(location);
      return;
    }
    place = location;
    await peer.setRemoteDescription({ type: 'answer', sdp: text });
    refusal = '';
  } catch (error) {
    if (attempt !== attempts) return;
    refusal = error.name === 'Error' ? error.message : '';
    again();
  }
}

let refusal = ''; // what the receiver answered instead

// hurry asks the browser to show a picture as soon as it is there.
function hurry(receiver) {
  if (receiver.track.kind !== 'video') return;
  if ('jitterBufferTarget' in receiver) receiver.jitterBufferTarget = 0;
  if ('playoutDelayHint' in receiver) receiver.playoutDelayHint = 0;
}

// again begins anew, a little later.
function again() {
  stop();
  clearTimeout(retry);
  retry = setTimeout(watch, retryEvery);
}

function stop() {
  clearTimeout(retry);
  attempts++;
  connection?.close();
  connection = null;
  if (place) goodbye(place);
  place = null;
}

function goodbye(location) {
  fetch(location, { method: 'DELETE', keepalive: true }).catch(() => {});
}

addEventListener('pagehide', stop);
addEventListener('pageshow', (event) => { if (event.persisted) watch(); });

// 2. The receiver's statistics.

let told = null; // the last event
let toldAt = 0; // when, in ms

function listen() {
  const events = new EventSource('events');
  events.onmessage = (message) => {
    const before = told;
    told = JSON.parse(message.data);
    toldAt = performance.now();
    if (before && before.server !== told.server) watch(); // it was started anew
  };
  events.onerror = () => {
    if (events.readyState !== EventSource.CLOSED) return; // it tries again by itself
    events.close();
    setTimeout(listen, retryEvery);
  };
}

// 3. What is shown of it.

let shown = 0; // pictures in all
let delays = []; // ms from arrival in the browser to the screen, since the last tick
let last = {}; // the statistics of the last tick

function onPicture(now, metadata) {
  shown++;
  if (metadata.receiveTime) delays.push(metadata.expectedDisplayTime - metadata.receiveTime);
  picture.requestVideoFrameCallback(onPicture);
}
picture.requestVideoFrameCallback?.(onPicture);

function table(body, rows) {
  body.replaceChildren(...rows.map(([name, value]) => {
    const row = document.createElement('tr');
    const head = document.createElement('th');
    head.scope = 'row';
    head.textContent = name;
    const cell = document.createElement('td');
    cell.textContent = value;
    row.append(head, cell);
    return row;
  }));
}

// lines makes rows of texts such as "delay: 84 ms".
const lines = (texts) => texts.map((text) => {
  const [, name, value] = /^([^:]*): *(.*)$/.exec(text) ?? [null, '', text];
  return [name, value];
});

const milliseconds = (value) => (Number.isFinite(value) ? `${value.toFixed(value < 10 ? 1 : 0)} ms` : '–');

async function browserRows() {
  const now = { at: performance.now(), shown };
  const reports = connection ? [...(await connection.getStats()).values()] : [];
  const video = reports.find((report) => report.type === 'inbound-rtp' && report.kind === 'video') ?? {};
  Object.assign(now, {
    bytes: video.bytesReceived ?? 0, decoded: video.framesDecoded ?? 0, decoding: video.totalDecodeTime ?? 0,
    waited: video.jitterBufferDelay ?? 0, out: video.jitterBufferEmittedCount ?? 0,
  });
  const change = (name) => now[name] - (last[name] ?? now[name]);
  const seconds = change('at') / 1000;
  const mean = delays.reduce((sum, delay) => sum + delay, 0) / delays.length;
  const viewers = told?.viewers ?? 0;
  const rows = [
    ['picture', video.frameWidth ? `${video.frameWidth} × ${video.frameHeight}` : '–'],
    ['pictures shown', seconds > 0 ? `${(change('shown') / seconds).toFixed(1)} a second` : '–'],
    ['rate', seconds > 0 ? `${Math.max(0, change('bytes') * 8 / seconds / 1e6).toFixed(2)} Mbit/s` : '–'],
    ['packet to screen', milliseconds(mean)],
    ['buffered', milliseconds(1000 * change('waited') / change('out'))],
    ['decoder', milliseconds(1000 * change('decoding') / change('decoded'))],
    ['lost packets', `${Math.max(0, video.packetsLost ?? 0)}`],
    ['coded anew', told ? `${(100 * (1 - told.passed)).toFixed(0)} %` : '–'],
    ['browsers looking', `${viewers}`],
  ];
  last = now;
  delays = [];
  return rows;
}

const begun = performance.now();

function notice() {
  const since = (performance.now() - (told ? toldAt : begun)) / 1000;
  if (since > silentAfter) return ['The receiver does not answer', since];
  if (!told) return ['', 0];
  if (refusal) return [refusal, NaN];
  if (told.silent < 0) return ['Waiting for a sender', NaN];
  if (told.silent + since > silentAfter) return ['No signal', told.silent + since];
  if (connection?.connectionState !== 'connected') return ['Connecting', NaN];
  return ['', 0];
}

function duration(seconds) {
  const s = Math.floor(seconds);
  const two = (n) => String(n).padStart(2, '0');
  if (s < 60) return `for ${s} s`;
  if (s < 3600) return `for ${Math.floor(s / 60)}:${two(s % 60)} min`;
  return `for ${Math.floor(s / 3600)}:${two(Math.floor(s / 60) % 60)}:${two(s % 60)} h`;
}

async function tick() {
  const [text, time] = notice();
  element('notice').hidden = !text;
  if (element('notice-text').textContent !== text) element('notice-text').textContent = text; // a screen reader says it once
  element('notice-time').textContent = Number.isFinite(time) ? duration(time) : '';
  document.body.classList.toggle('stale', Boolean(text) && shown > 0);
  element('button-sound').hidden = !told?.sound;
  const rows = await browserRows();
  if (!element('statistics').hidden) {
    table(element('received'), lines(told?.lines ?? []));
    element('received-head').hidden = !told?.lines.length;
    table(element('seen'), rows);
  }
}

// 4. Keys and buttons.

const press = (name, on) => element(`button-${name}`).setAttribute('aria-pressed', String(on));

const controls = {
  statistics() {
    const hidden = !element('statistics').hidden;
    element('statistics').hidden = hidden;
    press('statistics', !hidden);
    tick();
  },
  mirror() {
    press('mirror', document.body.classList.toggle('mirrored'));
  },
  full() {
    if (document.fullscreenElement) document.exitFullscreen();
    else document.documentElement.requestFullscreen?.().catch(() => {});
  },
  sound() {
    sound.muted = !sound.muted;
    if (!sound.muted) sound.play().catch(() => {});
    press('sound', !sound.muted);
  },
};
const keys = { s: 'statistics', m: 'mirror', f: 'full', a: 'sound' };

for (const name of Object.values(keys)) element(`button-${name}`).addEventListener('click', controls[name]);
addEventListener('keydown', (event) => {
  if (event.ctrlKey || event.altKey || event.metaKey || event.repeat) return;
  const name = keys[event.key.toLowerCase()];
  if (name && !element(`button-${name}`).hidden) controls[name]();
});
addEventListener('fullscreenchange', () => press('full', Boolean(document.fullscreenElement)));
picture.addEventListener('dblclick', controls.full);

let idle = 0;
function awake() {
  document.body.classList.remove('idle');
  clearTimeout(idle);
  idle = setTimeout(() => document.body.classList.add('idle'), idleAfter);
}
for (const type of ['pointermove', 'pointerdown', 'keydown', 'focusin']) addEventListener(type, awake);

sound.muted = true; // browsers play no sound before the user has asked for it
awake();
watch();
listen();
setInterval(tick, tickEvery);
