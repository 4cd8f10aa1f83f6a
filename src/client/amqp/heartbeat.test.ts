import { describe, expect, test } from 'vitest';
import type { Clock } from '../../platform/clock.ts';
import { ManualClock } from '../../platform/manual-clock.ts';
import { Heartbeat, type HeartbeatHost } from './heartbeat.ts';

class Host implements HeartbeatHost {
  hasSent = false;
  hasReceived = false;
  sent = 0;
  missed = 0;
  takeHasSent(): boolean {
    const sent = this.hasSent;
    this.hasSent = false;
    return sent;
  }
  takeHasReceived(): boolean {
    const received = this.hasReceived;
    this.hasReceived = false;
    return received;
  }
  sendHeartbeat(): void {
    this.sent++;
    this.hasSent = true;
  }
  heartbeatsMissed(): void {
    this.missed++;
  }
}

describe('sending', () => {
  test('is never silent for longer than half the interval', () => {
    const clock = new ManualClock();
    const host = new Host();
    new Heartbeat(clock, host, 10);
    clock.advance(5_000);
    expect(host.sent).toBeGreaterThanOrEqual(1);
  });

  test('says nothing while there is other traffic', () => {
    const clock = new ManualClock();
    const host = new Host();
    new Heartbeat(clock, host, 10);
    for (let i = 0; i < 8; i++) {
      host.hasSent = true;
      clock.advance(2_500);
    }
    expect(host.sent).toBe(0);
  });

  test('an interval of 0 means none', () => {
    const clock = new ManualClock();
    const host = new Host();
    new Heartbeat(clock, host, 0);
    clock.advance(3_600_000);
    expect([host.sent, host.missed]).toEqual([0, 0]);
  });
});

describe('listening', () => {
  test('gives the broker up after two silent intervals, not after one', () => {
    const clock = new ManualClock();
    const host = new Host();
    new Heartbeat(clock, host, 10);
    clock.advance(10_000);
    expect(host.missed).toBe(0);
    clock.advance(10_000);
    expect(host.missed).toBe(1);
  });

  test('any octet counts', () => {
    const clock = new ManualClock();
    const host = new Host();
    new Heartbeat(clock, host, 10);
    for (let i = 0; i < 10; i++) {
      host.hasReceived = true;
      clock.advance(10_000);
    }
    expect(host.missed).toBe(0);
  });

  test('stops when told', () => {
    const clock = new ManualClock();
    const host = new Host();
    new Heartbeat(clock, host, 10).stop();
    clock.advance(60_000);
    expect([host.sent, host.missed]).toEqual([0, 0]);
  });
});

/** A clock whose timers are late: the process stood still. What is deferred runs when `turn` is called. */
class LateClock implements Clock {
  nowMs = 0;
  timers: { readonly delayMs: number; readonly run: () => void }[] = [];
  #deferred: (() => void)[] = [];
  now(): number {
    return this.nowMs;
  }
  after(delayMs: number, run: () => void) {
    const timer = { delayMs, run };
    this.timers.push(timer);
    const cancel = () => {
      this.timers = this.timers.filter((one) => one !== timer);
    };
    return { cancel };
  }
  defer(run: () => void): void {
    this.#deferred.push(run);
  }
  turn(): void {
    for (const run of this.#deferred.splice(0)) run();
  }
  /** Runs the timers of that length. */
  fire(delayMs: number): void {
    for (const timer of this.timers.filter((one) => one.delayMs === delayMs)) {
      this.timers = this.timers.filter((one) => one !== timer);
      timer.run();
    }
  }
}

test('a process that stood still reads before it judges', () => {
  const clock = new LateClock();
  const host = new Host();
  new Heartbeat(clock, host, 10);
  clock.nowMs = 10_000;
  clock.fire(10_000);
  // Now for a minute nothing runs; the broker's heartbeats wait in the socket.
  clock.nowMs = 80_000;
  clock.fire(10_000);
  expect(host.missed).toBe(0);
  host.hasReceived = true;
  clock.turn();
  clock.turn();
  expect(host.missed).toBe(0);
  // It is not forgiven for ever: from here on silence counts.
  clock.nowMs += 10_000;
  clock.fire(10_000);
  clock.nowMs += 10_000;
  clock.fire(10_000);
  expect(host.missed).toBe(1);
});
