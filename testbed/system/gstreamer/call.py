"""One end of a one-way WebRTC call by GStreamer's webrtcbin. See gstreamer.go, which starts one at each place.

    call.py send HOST PORT BITRATE LATENCY_MS NACK LOCAL     reads YUV4MPEG2 on standard input
    call.py receive HOST PORT BITRATE LATENCY_MS NACK LOCAL  writes it on standard output, and listens at HOST:PORT

1. The sender connects to HOST:PORT by TCP, across the emulated network, and sends its offer as a line of JSON.
2. The receiver answers with another such line. Each waits until it has all its ICE candidates.
3. The sender's pictures go through vp8enc at a fixed rate; the newest one replaces another that waits.
4. An interrupt (SIGINT) ends either.
"""

import json
import os
import re
import signal
import socket
import sys
import threading
import time

import gi

gi.require_version("Gst", "1.0")
gi.require_version("GstWebRTC", "1.0")
gi.require_version("GstSdp", "1.0")
from gi.repository import GLib, Gst, GstSdp, GstWebRTC  # noqa: E402

MAX_LINE = 1 << 20  # bytes of a description
CONNECT_SECONDS = 30  # how long the sender tries to reach the receiver


class Failure(Exception):
    pass


def say(text):
    print(text, file=sys.stderr, flush=True)


class Call:
    def __init__(self, role, host, port, bitrate, latency, nack, local):
        self.role, self.host, self.port = role, host, int(port)
        self.bitrate, self.latency, self.nack, self.local = int(bitrate), int(latency), nack == "1", local
        self.loop = GLib.MainLoop()
        self.failure = None
        self.gathered = threading.Event()
        self.connected = threading.Event()
        self.candidates = []

    def fail(self, text):
        self.failure = self.failure or text
        self.loop.quit()

    # The pipelines.

    def sender_pipeline(self):
        # Real-time settings as in libvpx's own WebRTC use: no look-ahead, constant rate, a buffer of half a second, key frames only on demand.
        self.pipeline = Gst.parse_launch(
            "appsrc name=camera is-live=true do-timestamp=true format=time block=false max-buffers=1 leaky-type=downstream"
            " ! vp8enc name=encoder deadline=1 cpu-used=-6 end-usage=cbr lag-in-frames=0 error-resilient=default keyframe-max-dist=3000"
            " min-quantizer=2 max-quantizer=56 undershoot=100 overshoot=15 buffer-size=1000 buffer-initial-size=500 buffer-optimal-size=600"
            f" static-threshold=1 threads={min(4, os.cpu_count() or 1)} target-bitrate={self.bitrate}"
            " ! rtpvp8pay mtu=1200 picture-id-mode=15-bit"
            " ! application/x-rtp,media=video,encoding-name=VP8,payload=96,clock-rate=90000,rtcp-fb-nack-pli=true"
            f" ! webrtcbin name=webrtc bundle-policy=max-bundle latency={self.latency}"
        )

    def receiver_pipeline(self):
        self.pipeline = Gst.Pipeline.new(None)
        self.pipeline.add(Gst.parse_launch(f"webrtcbin name=webrtc bundle-policy=max-bundle latency={self.latency}"))

    def on_pad(self, webrtc, pad):
        if pad.get_direction() != Gst.PadDirection.SRC:
            return
        for buffer in self.jitter_buffers():
            buffer.set_property("do-retransmission", self.nack)  # webrtcbin 1.22 does not, although nack was agreed upon
        self.hasten_feedback()
        # sync=false: a picture is shown when it is decoded. What the jitter buffer's latency costs is then only the wait for packets that are missing.
        shown = Gst.parse_bin_from_description(
            "rtpvp8depay request-keyframe=true wait-for-keyframe=true ! vp8dec ! y4menc ! fdsink fd=1 sync=false async=false", True)
        self.pipeline.add(shown)
        shown.sync_state_with_parent()
        if pad.link(shown.get_static_pad("sink")) != Gst.PadLinkReturn.OK:
            self.fail("the stream that came is not VP8")

    # The way of a call.

    def run(self):
        (self.sender_pipeline if self.role == "send" else self.receiver_pipeline)()
        self.webrtc = self.pipeline.get_by_name("webrtc")
        agent = self.webrtc.get_property("ice-agent")
        agent.emit("add-local-ip-address", self.local)  # the place's own: no other interface is part of the emulated network
        self.webrtc.connect("on-ice-candidate", lambda _, line, text: self.candidates.append([line, text]))
        self.webrtc.connect("notify::ice-gathering-state", self.on_gathering)
        self.webrtc.connect("notify::ice-connection-state", self.on_ice)
        self.webrtc.connect("notify::connection-state", self.on_connection)
        self.webrtc.connect("on-new-transceiver", lambda _, t: t.set_property("do-nack", self.nack))
        self.webrtc.connect("pad-added", self.on_pad)
        bus = self.pipeline.get_bus()
        bus.add_signal_watch()
        bus.connect("message::error", lambda _, m: self.fail("%s (%s)" % m.parse_error()))
        GLib.unix_signal_add(GLib.PRIORITY_HIGH, signal.SIGINT, self.loop.quit)
        GLib.unix_signal_add(GLib.PRIORITY_HIGH, signal.SIGTERM, self.loop.quit)
        threading.Thread(target=self.guarded, args=(self.send if self.role == "send" else self.receive,), daemon=True).start()
        self.loop.run()
        if self.failure:
            say(f"call.py {self.role}: {self.failure}")
        self.report()
        # Not by the interpreter's own end: a thread may be in a read that never returns.
        os._exit(1 if self.failure else 0)

    def guarded(self, work):
        try:
            work()
        except (Failure, OSError, ValueError, KeyError, TypeError, GLib.Error) as e:
            self.fail(f"{type(e).__name__}: {e}")

    def hasten_feedback(self):
        """Lets requests for missing packets leave at once. A session that knows no bandwidth allows itself one report in seconds (RFC 4585, 3.5)."""
        session = self.webrtc.get_by_name("rtpbin").emit("get-internal-session", 0)
        session.set_property("bandwidth", float(self.bitrate))
        session.set_property("rtcp-min-interval", 50_000_000)  # ns

    def jitter_buffers(self):
        found = self.pipeline.iterate_all_by_element_factory_name("rtpjitterbuffer")
        while True:
            result, buffer = found.next()
            if result != Gst.IteratorResult.OK:
                return
            yield buffer

    def report(self):
        """Tells what the jitter buffers have seen, for the log."""
        for buffer in self.jitter_buffers():
            say(f"jitter buffer: {buffer.get_property('stats').to_string()}")

    def on_gathering(self, webrtc, _):
        if webrtc.get_property("ice-gathering-state") == GstWebRTC.WebRTCICEGatheringState.COMPLETE:
            self.gathered.set()

    def on_ice(self, webrtc, _):
        state = webrtc.get_property("ice-connection-state")
        say(f"ICE: {state.value_nick}")
        if state == GstWebRTC.WebRTCICEConnectionState.FAILED:
            self.fail("no way to the other end was found (ICE failed)")

    def on_connection(self, webrtc, _):
        if webrtc.get_property("connection-state") == GstWebRTC.WebRTCPeerConnectionState.CONNECTED:
            self.connected.set()

    def send(self):
        caps, frame_bytes = self.read_header()
        camera = self.pipeline.get_by_name("camera")
        camera.set_property("caps", Gst.Caps.from_string(caps))
        transceiver = self.webrtc.emit("get-transceiver", 0)
        transceiver.set_property("do-nack", self.nack)
        transceiver.set_property("direction", GstWebRTC.WebRTCRTPTransceiverDirection.SENDONLY)
        self.pipeline.set_state(Gst.State.PLAYING)
        offer = self.describe("create-offer", "offer")
        with self.connect() as peer:
            lines = peer.makefile("rwb")
            self.tell(lines, offer)
            self.accept(lines, GstWebRTC.WebRTCSDPType.ANSWER)
        self.feed(camera, frame_bytes)

    def receive(self):
        with socket.create_server((self.host, self.port), family=socket.AF_INET6 if ":" in self.host else socket.AF_INET) as server:
            self.pipeline.set_state(Gst.State.PLAYING)
            say("listening")
            peer, _ = server.accept()
            with peer:
                peer.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                lines = peer.makefile("rwb")
                self.accept(lines, GstWebRTC.WebRTCSDPType.OFFER)
                self.tell(lines, self.describe("create-answer", "answer"))

    # Descriptions.

    def describe(self, signal_name, field):
        """Makes the local description, with all candidates."""
        promise = Gst.Promise.new()
        self.webrtc.emit(signal_name, None, promise)
        if promise.wait() != Gst.PromiseResult.REPLIED:
            raise Failure(f"{signal_name} failed")
        reply = promise.get_reply()  # owns the description: it has to live as long
        description = reply.get_value(field)
        if description is None:
            raise Failure(f"{signal_name} failed: {reply.to_string()}")
        done = Gst.Promise.new()
        self.webrtc.emit("set-local-description", description, done)
        done.wait()
        if not self.gathered.wait(10):
            raise Failure("ICE candidates are not complete after 10 s")
        return {"sdp": description.sdp.as_text(), "candidates": self.candidates}

    def accept(self, lines, kind):
        line = lines.readline(MAX_LINE)
        if not line.endswith(b"\n"):
            raise Failure("the other end closed the connection before it described itself")
        message = json.loads(line)
        result, sdp = GstSdp.SDPMessage.new_from_text(message["sdp"])
        if result != GstSdp.SDPResult.OK:
            raise Failure("the other end's description cannot be read")
        done = Gst.Promise.new()
        self.webrtc.emit("set-remote-description", GstWebRTC.WebRTCSessionDescription.new(kind, sdp), done)
        done.wait()
        for index, candidate in message["candidates"]:
            self.webrtc.emit("add-ice-candidate", int(index), str(candidate))

    def tell(self, lines, message):
        lines.write(json.dumps(message).encode() + b"\n")
        lines.flush()

    def connect(self):
        deadline = time.monotonic() + CONNECT_SECONDS
        while True:
            try:
                peer = socket.create_connection((self.host, self.port), timeout=CONNECT_SECONDS)
                peer.settimeout(None)
                peer.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                return peer
            except ConnectionRefusedError:
                if time.monotonic() > deadline:
                    raise
                time.sleep(0.05)

    # Pictures.

    def read_header(self):
        self.input = os.fdopen(0, "rb", buffering=1 << 16)
        header = self.input.readline(65536).decode("ascii", "replace").split()
        if not header or header[0] != "YUV4MPEG2":
            raise Failure("standard input is not YUV4MPEG2")
        field = {f[0]: f[1:] for f in header[1:]}
        if not field.get("C", "420").startswith("420"):
            raise Failure("only 4:2:0 is handled")
        width, height = int(field["W"]), int(field["H"])
        rate = re.fullmatch(r"(\d+):(\d+)", field["F"])
        if not rate or not 16 <= width <= 16383 or not 16 <= height <= 16383 or width % 8 or height % 2:
            raise Failure("the picture's width must be a multiple of 8, its height even, and its rate known")
        caps = f"video/x-raw,format=I420,width={width},height={height},framerate={rate[1]}/{rate[2]}"
        return caps, width * height * 3 // 2

    def feed(self, camera, frame_bytes):
        while True:
            marker = self.input.readline(65536)
            if not marker:
                break
            if not marker.startswith(b"FRAME"):
                raise Failure("a picture does not begin with FRAME")
            picture = self.input.read(frame_bytes)
            if len(picture) < frame_bytes:
                break
            # Until the call is set up webrtcbin would keep the first picture, and show it much too late.
            if not self.connected.is_set():
                continue
            if camera.emit("push-buffer", Gst.Buffer.new_wrapped(picture)) != Gst.FlowReturn.OK:
                raise Failure("the pipeline takes no more pictures")
        self.loop.quit()


def main():
    if len(sys.argv) != 8 or sys.argv[1] not in ("send", "receive"):
        say(__doc__)
        sys.exit(2)
    Gst.init(None)
    Call(*sys.argv[1:]).run()


main()
