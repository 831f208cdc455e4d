// gRPC's length-prefixed messages on one HTTP/2 stream, with Protobuf for the matrix's two message types.
'use strict';

const REQUEST_FIELDS = { payload: 1, count: 2, status: 3, message: 4, wait_milliseconds: 5 };
const PREFIX_BYTES = 5;
const VARINT = 0;
const LENGTH_DELIMITED = 2;

// What arrives on a stream, message by message; undefined behind the last.
class Messages {
  #held = Buffer.alloc(0);
  #waiting = [];
  #ended;

  constructor(stream) {
    this.#ended = new Promise((settle) => stream.on('close', settle));
    this.#ended.then(() => this.#deliver());
    stream.on('data', (bytes) => {
      this.#held = Buffer.concat([this.#held, bytes]);
      this.#deliver();
    });
    stream.on('error', () => {});
    this.stream = stream;
  }

  next() {
    return new Promise((settle) => {
      this.#waiting.push(settle);
      this.#deliver();
    });
  }

  end() {
    return this.#ended;
  }

  #deliver() {
    while (this.#waiting.length > 0) {
      const complete = this.#held.length >= PREFIX_BYTES && this.#held.length >= PREFIX_BYTES + this.#held.readUInt32BE(1);
      if (!complete && !this.stream.destroyed) return;
      this.#waiting.shift()(complete ? this.#take() : undefined);
    }
  }

  #take() {
    const end = PREFIX_BYTES + this.#held.readUInt32BE(1);
    const message = decode(this.#held.subarray(PREFIX_BYTES, end));
    this.#held = this.#held.subarray(end);
    return message;
  }

  static encode(request) {
    const fields = Object.entries(request).flatMap(([name, value]) => {
      const tag = REQUEST_FIELDS[name] << 3;
      if (typeof value === 'number') return [varint(tag | VARINT), varint(value)];
      const bytes = Buffer.from(value);
      return [varint(tag | LENGTH_DELIMITED), varint(bytes.length), bytes];
    });
    const message = Buffer.concat(fields);
    const prefix = Buffer.alloc(PREFIX_BYTES);
    prefix.writeUInt32BE(message.length, 1);
    return Buffer.concat([prefix, message]);
  }
}

function decode(bytes) {
  const message = { payload: Buffer.alloc(0), number: 0 };
  let at = 0;
  const number = () => {
    let value = 0;
    for (let shift = 0; ; shift += 7) {
      const byte = bytes[at++];
      value += (byte & 0x7f) * 2 ** shift;
      if (byte < 0x80) return value;
    }
  };
  while (at < bytes.length) {
    const field = number() >> 3;
    if (field === 1) {
      const length = number();
      message.payload = bytes.subarray(at, at + length);
      at += length;
    } else {
      message.number = number();
    }
  }
  return message;
}

function varint(value) {
  const bytes = [];
  for (; value >= 0x80; value = Math.floor(value / 0x80)) bytes.push((value % 0x80) | 0x80);
  return Buffer.from([...bytes, value]);
}

module.exports = { Messages };
