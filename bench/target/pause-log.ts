// Reads V8's `--trace-gc` lines as they pass by and keeps the pauses:
//   [4711:0x1] 83 ms: Scavenge 5.1 (5.4) -> 4.5 (6.2) MB, 1.20 / 0.00 ms (average mu = ...) ...
//   [4711:0x1] 99 ms: Mark-Compact (reduce) 6.1 (8.0) -> 5.0 (8.1) MB, 3.1 / 0.0 ms
//              (+ 2.0 ms in 9 steps since start of marking, biggest step 0.4 ms, ...) ...
const TRACE = /^\[\d+:0x[0-9a-f]+\]/;
const PAUSE =
  /\bms: (?:Scavenge|Minor|Mark)\b.* MB, ([\d.]+) \/ [\d.]+ ms(?:.*biggest step ([\d.]+) ms)?/;

export class PauseLog {
  #worstMs = 0;
  #traces = 0;
  #pauses = 0;

  add(line: string): void {
    if (!TRACE.test(line)) return;
    this.#traces++;
    const match = PAUSE.exec(line);
    if (!match) return;
    this.#pauses++;
    this.#worstMs = Math.max(this.#worstMs, Number(match[1]), Number(match[2] ?? 0));
  }

  /** The worst pause since the last call; 0 when there was none. */
  takeWorstMs(): number {
    if (this.#traces > 0 && this.#pauses === 0)
      throw new Error('no --trace-gc line was understood');
    const worstMs = this.#worstMs;
    this.#worstMs = 0;
    return worstMs;
  }
}
