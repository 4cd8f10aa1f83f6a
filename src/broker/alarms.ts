// What holds publishers back: memory that messages have taken up, and a disk that is nearly full. While either alarm is raised
// they wait; consumers go on, since they make room.
import type { DiskAlarm } from './disk-alarm.ts';
import type { MemoryAlarm } from './memory-alarm.ts';

export class Alarms {
  readonly memory: MemoryAlarm;
  readonly disk: DiskAlarm;

  constructor(memory: MemoryAlarm, disk: DiskAlarm) {
    this.memory = memory;
    this.disk = disk;
  }

  get isRaised(): boolean {
    return this.memory.isRaised || this.disk.isRaised;
  }

  /** What a publisher is told, in RabbitMQ's words. */
  get reason(): string {
    const low = [this.disk.isRaised ? 'disk' : '', this.memory.isRaised ? 'memory' : ''];
    return `low on ${low.filter((resource) => resource !== '').join(' & ')}`;
  }
}
