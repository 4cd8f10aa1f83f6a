// Bodies that say what they are, so that a message which was changed on its way, or mixed up with another, shows.

const HEAD_BYTES = 32;

/** The bytes of a message: its id, then a pattern that depends on id and size. */
export function bodyOf(id: string, sizeBytes: number): Buffer {
  const body = Buffer.alloc(Math.max(sizeBytes, HEAD_BYTES), `${id}/${sizeBytes}.`);
  body.write(id.padEnd(HEAD_BYTES), 0, HEAD_BYTES, 'latin1');
  return body;
}

export function idOf(body: Buffer): string {
  return body.toString('latin1', 0, HEAD_BYTES).trimEnd();
}

export function isIntact(body: Buffer): boolean {
  return body.equals(bodyOf(idOf(body), body.length));
}
