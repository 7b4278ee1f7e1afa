"""Decodes a list of packets with the system's libopus: the oracle of the tests.

Standard input: for each call its kind (1 byte: 0 decode, 1 the lost frame before this packet, 2 conceal), the number of samples of a
channel that it must give (4 bytes, little endian), the length of the packet (4 bytes), the packet. Standard output: 16-bit samples.
Argument: the number of channels.
"""
import ctypes
import struct
import sys

opus = ctypes.CDLL("libopus.so.0")
opus.opus_decoder_create.restype = ctypes.c_void_p
opus.opus_decode.argtypes = [ctypes.c_void_p, ctypes.c_char_p, ctypes.c_int32, ctypes.c_void_p, ctypes.c_int, ctypes.c_int]
channels = int(sys.argv[1])
error = ctypes.c_int()
decoder = opus.opus_decoder_create(48000, channels, ctypes.byref(error))
assert decoder and not error.value
while head := sys.stdin.buffer.read(9):
    kind, samples, length = struct.unpack("<BII", head)
    packet = sys.stdin.buffer.read(length)
    pcm = (ctypes.c_int16 * (samples * channels))()
    n = opus.opus_decode(decoder, None if kind == 2 else packet, length, pcm, samples, int(kind == 1))
    if n != samples:
        sys.exit(f"libopus gave {n} samples in place of {samples}")
    sys.stdout.buffer.write(pcm)
