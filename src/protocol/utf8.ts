// Text on the wire is UTF-8, and bytes that are not are told apart rather than replaced.

const decoder = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });
const lenientDecoder = new TextDecoder('utf-8', { ignoreBOM: true });
const encoder = new TextEncoder();

export function encodeUtf8(text: string): Uint8Array {
  return encoder.encode(text);
}

/** Writes `text` at `at` if it is ASCII and fits; false when it is not, and then what was written means nothing. */
export function writeAscii(text: string, bytes: Uint8Array, at: number): boolean {
  const { length } = text;
  if (at + length > bytes.length) return false;
  for (let i = 0; i < length; i++) {
    const unit = text.charCodeAt(i);
    if (unit >= 0x80) return false;
    bytes[at + i] = unit;
  }
  return true;
}

/** The text of UTF-8 bytes, or undefined when they are not UTF-8. Plain ASCII takes no detour over a decoder. */
export function decodeUtf8(bytes: Uint8Array, at: number, end: number): string | undefined {
  let text = '';
  for (let i = at; i < end; i++) {
    const octet = bytes[i]!;
    if (octet >= 0x80 || end - at > 64) {
      try {
        return decoder.decode(bytes.subarray(at, end));
      } catch {
        return undefined;
      }
    }
    text += String.fromCharCode(octet);
  }
  return text;
}

/** Whether bytes are UTF-8. ASCII is passed over four octets at a time: every publish has names to check. */
export function isUtf8(view: DataView, at: number, end: number): boolean {
  let next = at;
  while (next + 4 <= end && (view.getInt32(next) & 0x8080_8080) === 0) next += 4;
  while (next < end && view.getUint8(next) < 0x80) next++;
  if (next === end) return true;
  const bytes = new Uint8Array(view.buffer, view.byteOffset, view.byteLength);
  return decodeUtf8(bytes, next, end) !== undefined;
}

/** As much of `text`, in whole characters, as fits in `maxBytes`. */
export function cutUtf8(text: string, maxBytes: number): string {
  const { read } = encoder.encodeInto(text, new Uint8Array(maxBytes));
  return text.slice(0, read);
}

/** The text of bytes that should be UTF-8; what is not becomes U+FFFD. */
export function decodeAnyUtf8(bytes: Uint8Array, at: number, end: number): string {
  return decodeUtf8(bytes, at, end) ?? lenientDecoder.decode(bytes.subarray(at, end));
}
