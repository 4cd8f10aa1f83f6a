// Looks at the disk now and then: how much space is free, whether what waits for space can be written, and whether the data
// directory is still there and still ours.
import type { Clock, Timer } from '../platform/clock.ts';
import type { Log } from '../platform/log.ts';
import type { DataDirectory } from '../store/data-directory.ts';
import type { DiskAlarm } from './disk-alarm.ts';

/** What may wait for space. */
export interface SpaceUser {
  readonly isOutOfSpace: boolean;
  /** Space is short: give back what can be spared, and try again what there was none for. */
  retry(freeBytes: number | undefined): void;
}

export interface DiskMonitorOptions {
  readonly clock: Clock;
  readonly log: Log;
  readonly alarm: DiskAlarm;
  readonly directory: DataDirectory;
  readonly user: SpaceUser;
  /** The directory is not there any more, or another process has it. */
  onLost(error: Error): void;
}

export class DiskMonitor {
  readonly #options: DiskMonitorOptions;
  #timer: Timer | undefined;
  #isStopped = false;
  #hasComplained = false;

  /** Looks at once, and from then on. */
  constructor(options: DiskMonitorOptions) {
    this.#options = options;
    this.#look();
  }

  /** Something could not be written: publishers wait from now on. */
  outOfSpace(): void {
    const { alarm } = this.#options;
    alarm.update(alarm.freeBytes, true);
    this.#lookLater();
  }

  stop(): void {
    this.#isStopped = true;
    this.#timer?.cancel();
  }

  #look(): void {
    const { alarm, directory, user } = this.#options;
    directory.files.freeBytes(directory.path, (error, freeBytes) => {
      if (this.#isStopped) return;
      if (this.#isLost()) return;
      if (error && !this.#hasComplained) this.#complain(error);
      alarm.update(freeBytes, user.isOutOfSpace);
      if (alarm.isRaised) user.retry(freeBytes);
      this.#lookLater();
    });
  }

  #lookLater(): void {
    const { alarm, clock } = this.#options;
    if (this.#isStopped) return;
    this.#timer?.cancel();
    this.#timer = clock.after(alarm.nextLookMs, () => this.#look());
  }

  #isLost(): boolean {
    const { directory, onLost } = this.#options;
    const problem = directory.problem();
    if (problem === undefined) return false;
    this.stop();
    onLost(new Error(problem));
    return true;
  }

  #complain({ message }: Error): void {
    this.#hasComplained = true;
    const { directory, log } = this.#options;
    log.write(
      'warning',
      `cannot tell how much space is free in ${directory.path}: ${message}`,
      'storage',
    );
  }
}
