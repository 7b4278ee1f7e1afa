'use strict';
// The page of either end of a call. chrome.go calls its functions through the DevTools protocol, in this order:
//
//  1. prepareSender or prepareReceiver makes the connection, all but the exchange of descriptions.
//  2. offer, answer and accept exchange complete descriptions: each waits until all candidates are gathered.
//  3. watch notes every picture of the camera (sender) or of the screen (receiver), and keeps the luma of some; all in memory, so
//     that nothing but the call itself is done meanwhile. status is asked once a second.
//  4. stop, and then upload, which gives to the program's server what was noted and kept.

// Milliseconds since 1970 by a clock that never jumps. It is Go's clock but for an offset, which the program measures.
const now = () => performance.timeOrigin + performance.now();

let connection; // RTCPeerConnection
let camera; // the sender's MediaStreamTrack
let permission; // the receiver's MediaStream, while it is needed
let watcher;

// wanted is {codec: 'video/VP8', width, height, rate, maxBitrate}: in pixels, pictures a second, and bit/s; 0 is the browser's
// own limit. Returns the camera's rate.
async function prepareSender(wanted) {
  const stream = await navigator.mediaDevices.getUserMedia({
    video: {width: {exact: wanted.width}, height: {exact: wanted.height}, frameRate: {ideal: wanted.rate}},
  });
  camera = stream.getVideoTracks()[0];
  const got = camera.getSettings();
  // A file's rate is rounded down to a whole number, such as 29 for 30000/1001.
  const rightRate = got.frameRate > wanted.rate - 1 && got.frameRate < wanted.rate + 0.01;
  if (got.width !== wanted.width || got.height !== wanted.height || !rightRate) {
    throw new Error(`the camera gives ${got.width}x${got.height} at ${got.frameRate} pictures a second, ` +
      `not ${wanted.width}x${wanted.height} at ${wanted.rate}`);
  }
  connection = new RTCPeerConnection();
  const transceiver = connection.addTransceiver(camera, {direction: 'sendonly', streams: [stream]});

  // The asked codec and what repairs losses, but no other codec, to which it could change over.
  const codecs = RTCRtpSender.getCapabilities('video').codecs;
  const asked = codecs.filter((c) => c.mimeType.toLowerCase() === wanted.codec.toLowerCase());
  if (asked.length === 0) {
    throw new Error(`this browser does not encode ${wanted.codec}`);
  }
  transceiver.setCodecPreferences(asked.concat(codecs.filter((c) => /\/(rtx|red|ulpfec|flexfec-03)$/i.test(c.mimeType))));
  if (wanted.maxBitrate > 0) {
    const parameters = transceiver.sender.getParameters();
    parameters.encodings[0].maxBitrate = wanted.maxBitrate;
    await transceiver.sender.setParameters(parameters);
  }
  return got.frameRate;
}

// keep is every how many-th new picture is kept in full; 0: none. bytes is how much memory that may take.
async function prepareReceiver(keep, bytes) {
  // Only whoever may use a camera or microphone is told the machine's own addresses; without them there is no candidate
  // where there is no default route.
  permission = await navigator.mediaDevices.getUserMedia({audio: true});
  connection = new RTCPeerConnection();
  connection.ontrack = (event) => {
    watcher = new Watcher(event.track, keep, bytes);
  };
}

async function offer() {
  return describe(await connection.createOffer());
}

async function answer(sdp) {
  await connection.setRemoteDescription({type: 'offer', sdp});
  const description = await describe(await connection.createAnswer());
  permission.getTracks().forEach((track) => track.stop());
  return description;
}

async function accept(sdp) {
  await connection.setRemoteDescription({type: 'answer', sdp});
}

async function describe(description) {
  await connection.setLocalDescription(description);
  while (connection.iceGatheringState !== 'complete') {
    await new Promise((resolve) => connection.addEventListener('icegatheringstatechange', resolve, {once: true}));
  }
  return connection.localDescription.sdp;
}

// Notes the camera's pictures from now on.
function watch() {
  watcher = new Watcher(camera.clone(), 0, 0);
}

// The connection's state, the codec that is sent, and statistics, as they are in the standard (W3C, "Identifiers for WebRTC's
// Statistics API").
async function status() {
  if (watcher && watcher.error) {
    throw watcher.error;
  }
  const stats = [...(await connection.getStats()).values()];
  const video = stats.find((s) => s.type === 'outbound-rtp' && s.codecId);
  const codec = video && stats.find((s) => s.id === video.codecId);
  const useful = /^((remote-)?(in|out)bound-rtp|media-source|codec|candidate-pair|(local|remote)-candidate)$/;
  return {
    state: connection.connectionState,
    codec: codec ? codec.mimeType : '',
    line: JSON.stringify({at: now(), state: connection.connectionState, stats: stats.filter((s) => useful.test(s.type))}),
  };
}

async function stop() {
  if (watcher) {
    await watcher.stop();
  }
}

async function upload() {
  if (watcher) {
    await watcher.upload();
  }
}

// Where the codes are in a picture: package capture/barcode.
const gridColumns = 80;
const gridRows = 60;
const codeColumns = 20;
const codeRows = 4;
const corners = [[0, 0], [gridColumns - codeColumns, gridRows - codeRows]];
const cells = corners.length * codeColumns * codeRows;

// A sighting is when a picture was seen, when it was captured (microseconds; the browser's monotonic clock), its width and
// height, and the luma of the cells of both codes.
const sightingBytes = 8 + 8 + 2 + 2 + cells;
const mostSightings = 1 << 20;

// Watcher notes every picture of a track, by MediaStreamTrackProcessor: it gives each as soon as it is decoded.
// requestVideoFrameCallback gives those that a <video> element has composed for the screen's next refresh: 13 to 16 ms later
// (measured), which a program without a window need not wait for, and about one in ten is missed for the next one.
class Watcher {
  constructor(track, keep, bytes) {
    this.track = track;
    this.keep = keep;
    this.room = bytes;
    this.fresh = 0; // new pictures seen
    this.last = '';
    this.sightings = []; // DataView each
    this.kept = []; // {sighting, luma}: its index, and what quality is measured of
    this.buffer = new Uint8Array(0);
    // Some pictures may wait while this thread does something else; the browser would otherwise let go of all but the newest.
    this.reader = new MediaStreamTrackProcessor({track, maxBufferSize: 15}).readable.getReader();
    this.done = this.run().catch((error) => {
      this.error = error;
    });
  }

  async run() {
    for (;;) {
      const {value: frame, done} = await this.reader.read();
      if (done) {
        return;
      }
      const at = now();
      try {
        await this.note(frame, at);
      } finally {
        frame.close();
      }
    }
  }

  async note(frame, at) {
    if (this.sightings.length >= mostSightings) {
      return;
    }
    const {width, height} = frame.visibleRect;
    const sighting = new DataView(new ArrayBuffer(sightingBytes));
    sighting.setFloat64(0, at, true);
    sighting.setFloat64(8, frame.timestamp, true);
    sighting.setUint16(16, width, true);
    sighting.setUint16(18, height, true);
    const lumas = new Uint8Array(sighting.buffer, sightingBytes - cells);
    await this.readCells(frame, lumas);
    this.sightings.push(sighting);

    // A picture is new if both codes agree on a number that is not the one before; what a number is in the end the program
    // decides.
    const bits = Array.from(lumas, (luma) => (luma < 126 ? '0' : '1')).join('');
    const number = bits.slice(0, cells / 2);
    if (number !== bits.slice(cells / 2) || number === this.last) {
      return;
    }
    this.last = number;
    if (this.keep > 0 && this.fresh++ % this.keep === 0) {
      const [{offset, stride}] = await this.copy(frame, frame.visibleRect);
      if (stride !== width) {
        throw new Error(`the browser copies pictures ${width} pixels wide in rows of ${stride} bytes`);
      }
      this.makeRoom(width * height);
      this.kept.push({sighting: this.sightings.length - 1, luma: this.buffer.slice(offset, offset + width * height)});
    }
  }

  // Copies a part of a picture into the buffer, plane after plane, luma first, and returns where each of them is.
  async copy(frame, rect) {
    if (!/^(I420|I420A|NV12)$/.test(frame.format)) { // what cameras and decoders give
      throw new Error(`the browser gives pictures as ${frame.format}`);
    }
    const size = frame.allocationSize({rect});
    if (this.buffer.length < size) {
      this.buffer = new Uint8Array(size);
    }
    return frame.copyTo(this.buffer, {rect});
  }

  // Where memory is full, lets go of every second picture, and keeps half as many from now on: so those that are kept are spread
  // over the whole call.
  makeRoom(size) {
    this.room -= size;
    if (this.room < 0) {
      this.keep *= 2;
      for (let i = 0; i < this.kept.length; i++) {
        this.room += this.kept.splice(i, 1)[0].luma.length;
      }
    }
  }

  // Writes the mean luma of the middle half of each cell, as barcode.Read takes it.
  async readCells(frame, lumas) {
    const {x: left, y: top, width, height} = frame.visibleRect;
    let cell = 0;
    for (const [firstColumn, firstRow] of corners) {
      // Edges on even pixels, since there is one chroma sample for two.
      const x = even((firstColumn * width) / gridColumns);
      const y = even((firstRow * height) / gridRows);
      const rect = {
        x: left + x,
        y: top + y,
        width: Math.min(even(((firstColumn + codeColumns) * width) / gridColumns + 1.99), width) - x,
        height: Math.min(even(((firstRow + codeRows) * height) / gridRows + 1.99), height) - y,
      };
      const [{offset, stride}] = await this.copy(frame, rect);
      for (let row = firstRow; row < firstRow + codeRows; row++) {
        for (let column = firstColumn; column < firstColumn + codeColumns; column++) {
          lumas[cell++] = mean(this.buffer, offset, stride,
            ((column + 0.25) * width) / gridColumns - x, ((column + 0.75) * width) / gridColumns - x,
            ((row + 0.25) * height) / gridRows - y, ((row + 0.75) * height) / gridRows - y);
        }
      }
    }
  }

  async stop() {
    await this.reader.cancel();
    await this.done;
    if (this.error) {
      throw this.error;
    }
  }

  async upload() {
    await post('sightings', new Blob(this.sightings));
    for (const {sighting, luma} of this.kept.splice(0)) {
      await post(`picture?sighting=${sighting}`, luma);
    }
  }
}

const even = (x) => 2 * Math.floor(x / 2);

// The mean of a rectangle, in which a pixel counts by the part of it that lies inside.
function mean(luma, offset, stride, left, right, top, bottom) {
  let sum = 0;
  for (let y = Math.floor(top); y < bottom; y++) {
    let row = 0;
    for (let x = Math.floor(left); x < right; x++) {
      row += luma[offset + y * stride + x] * (Math.min(x + 1, right) - Math.max(x, left));
    }
    sum += row * (Math.min(y + 1, bottom) - Math.max(y, top));
  }
  return sum / ((right - left) * (bottom - top));
}

async function post(path, body) {
  const response = await fetch(path, {method: 'POST', body});
  if (!response.ok) {
    throw new Error(await response.text());
  }
}
