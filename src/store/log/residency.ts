// Which segments of the log are in memory. Above a limit, full segments that are written give theirs back, those filled last
// first, since a long queue needs them last; what a consumer comes to is loaded again, and then those loaded first go first.
import type { Segment } from '../segment.ts';
import type { SegmentTable } from '../segment-table.ts';
import { hasIntactChunks } from './chunk.ts';
import { fileName } from './log-file.ts';

export class Residency {
  readonly #table: SegmentTable;
  readonly #limitBytes: number;
  readonly #onLeaving: (segment: Segment) => void;
  #residentBytes = 0;
  #loadingBytes = 0;
  /** Full segments that may be in memory still, oldest first. */
  readonly #full: Segment[] = [];
  readonly #loaded: Segment[] = [];
  readonly #loading = new Map<Segment, ((error: Error | undefined) => void)[]>();

  /** `onLeaving` is told of every segment that gives its memory back. */
  constructor(
    table: SegmentTable,
    limitBytes: number,
    onLeaving: (segment: Segment) => void = () => {},
  ) {
    this.#table = table;
    this.#limitBytes = limitBytes;
    this.#onLeaving = onLeaving;
  }

  /** A segment was made, with memory. */
  opened(segment: Segment): void {
    this.#residentBytes += segment.sizeBytes;
  }

  /** A segment takes no more records. */
  filled(segment: Segment): void {
    this.#full.push(segment);
  }

  /** A segment is needed no more. */
  closed(segment: Segment): void {
    if (segment.isResident) this.#residentBytes -= segment.sizeBytes;
  }

  /** Keeps to the limit as far as segments are written. */
  evictFull(): void {
    const waiting: Segment[] = [];
    for (let segment = this.#full.pop(); segment; segment = this.#full.pop()) {
      if (segment.references === 0 || !segment.isResident) continue;
      if (segment.unwritten > 0) waiting.push(segment);
      else if (this.#residentBytes > this.#limitBytes) this.#evict(segment);
      else {
        this.#full.push(segment);
        break;
      }
    }
    while (waiting.length > 0) this.#full.push(waiting.pop()!);
  }

  #evict(segment: Segment): void {
    this.#onLeaving(segment);
    this.#residentBytes -= segment.sizeBytes;
    this.#table.giveMemory(segment.evict());
  }

  /** Whether a segment can be read back without another having to go. */
  hasRoomFor(segment: Segment): boolean {
    return this.#residentBytes + this.#loadingBytes + segment.sizeBytes <= this.#limitBytes;
  }

  /** Reads a segment back and calls `loaded` with an error, or when it is there. Read once for all who ask meanwhile. */
  load(segment: Segment, loaded: (error: Error | undefined) => void): void {
    const waiting = this.#loading.get(segment);
    if (waiting) {
      waiting.push(loaded);
      return;
    }
    const callbacks = [loaded];
    this.#loading.set(segment, callbacks);
    this.#loadingBytes += segment.sizeBytes;
    const bytes = this.#table.takeMemory(segment.sizeBytes);
    segment.file!.file.read(segment.fileOffset, bytes, (error) => {
      this.#loading.delete(segment);
      this.#loadingBytes -= segment.sizeBytes;
      const trouble = error ?? damageIn(segment, bytes);
      if (!trouble) {
        segment.restore(bytes);
        this.#residentBytes += segment.sizeBytes;
        this.#makeRoomFor(segment);
      }
      for (const each of callbacks) each(trouble);
    });
  }

  #makeRoomFor(segment: Segment): void {
    this.#loaded.push(segment);
    while (this.#residentBytes > this.#limitBytes && this.#loaded.length > 1) {
      const oldest = this.#loaded.shift()!;
      if (oldest.isResident && oldest.sealed && oldest.references > 0 && oldest !== segment) {
        this.#evict(oldest);
      }
    }
  }
}

/** What was read is not what was written. */
function damageIn({ file, fileOffset, end }: Segment, bytes: Uint8Array): Error | undefined {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  if (hasIntactChunks({ bytes, view }, file!.salt, end)) return undefined;
  return new Error(
    `${fileName(file!.number)} is damaged between bytes ${fileOffset} and ${fileOffset + end}; the next start says what is lost, and goes on with the rest`,
  );
}
