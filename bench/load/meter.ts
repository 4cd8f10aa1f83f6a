// Readings at the ends of a measured interval, and the figures between them.
import { performance } from 'node:perf_hooks';
import type { Sample } from '../scenario.ts';
import { cpuSeconds, machineCpuSeconds, ownCpuSeconds, rssBytes } from '../target/process-usage.ts';

const MEBIBYTE = 1024 * 1024;

interface Reading {
  readonly atSeconds: number;
  readonly brokerSeconds: number;
  readonly generatorSeconds: number;
  readonly machineSeconds: number;
}

export class Meter {
  readonly #pid: number | undefined;
  readonly #first: Reading;

  constructor(pid: number | undefined) {
    this.#pid = pid;
    this.#first = this.#read();
  }

  /** The figures since the meter was made, `messages` having gone through. */
  finish(messages: number): Sample {
    const last = this.#read();
    const seconds = last.atSeconds - this.#first.atSeconds;
    const broker = last.brokerSeconds - this.#first.brokerSeconds;
    const generator = last.generatorSeconds - this.#first.generatorSeconds;
    const machine = last.machineSeconds - this.#first.machineSeconds;
    return {
      cpuMicros: (broker / messages) * 1e6,
      messagesPerSecond: messages / seconds,
      brokerCpu: (broker / seconds) * 100,
      rssMb: this.#pid === undefined ? Number.NaN : rssBytes(this.#pid) / MEBIBYTE,
      generatorCpu: (generator / seconds) * 100,
      othersCpu: Math.max(0, ((machine - broker - generator) / seconds) * 100),
    };
  }

  #read(): Reading {
    return {
      atSeconds: performance.now() / 1000,
      brokerSeconds: this.#pid === undefined ? Number.NaN : cpuSeconds(this.#pid),
      generatorSeconds: ownCpuSeconds(),
      machineSeconds: machineCpuSeconds(),
    };
  }
}
