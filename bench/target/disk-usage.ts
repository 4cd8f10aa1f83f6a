// What the kernel says of the disk that temporary files lie on.
//
// Of the whole disk, not of a process: `write_bytes` of /proc/PID/io counts pages when they become dirty, and where the file system
// keeps files in large folios (ext4 since Linux 6.16) the whole folio each time a part of it does: nine times what was written.
import { execFileSync } from 'node:child_process';
import { readFileSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';

const SECTOR_BYTES = 512;

/** Bytes that were written to the disk so far, by anyone, after all that waits to be written is; NaN where that is not known. */
export function writtenToDiskBytes(): number {
  const { dev } = statSync(tmpdir());
  const major = (dev >> 8) & 0xfff;
  const minor = (dev & 0xff) | ((dev >> 12) & 0xfff00);
  execFileSync('sync');
  try {
    const fields = readFileSync(`/sys/dev/block/${major}:${minor}/stat`, 'latin1').trim();
    return Number(fields.split(/\s+/)[6]) * SECTOR_BYTES;
  } catch {
    return Number.NaN;
  }
}
