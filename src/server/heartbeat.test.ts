import { beforeEach, describe, expect, test } from 'vitest';
import { ManualClock } from '../platform/manual-clock.ts';
import { Heartbeat, type HeartbeatHost } from './heartbeat.ts';

let clock: ManualClock;
let events: string[];
let hasSent: boolean;
let hasReceived: boolean;
let heartbeat: Heartbeat;

const host: HeartbeatHost = {
  takeHasSent() {
    const before = hasSent;
    hasSent = false;
    return before;
  },
  takeHasReceived() {
    const before = hasReceived;
    hasReceived = false;
    return before;
  },
  sendHeartbeat() {
    events.push(`beat at ${clock.now()}`);
    hasSent = true;
  },
  heartbeatsMissed() {
    events.push(`missed at ${clock.now()}`);
    heartbeat.stop();
  },
};

beforeEach(() => {
  clock = new ManualClock();
  events = [];
  hasSent = false;
  hasReceived = false;
});

const start = (timeoutSeconds: number) => {
  heartbeat = new Heartbeat(clock, host, timeoutSeconds);
};

/** Moves on second by second; `each` says what happens in each. */
function live(seconds: number, each: () => void): void {
  for (let i = 0; i < seconds; i++) {
    each();
    clock.advance(1000);
  }
}

test('a timeout of 0 means none in either direction', () => {
  start(0);
  clock.advance(24 * 3600 * 1000);
  expect(events).toEqual([]);
  heartbeat.stop();
});

describe('sending', () => {
  test('the first leaves when a quarter of the timeout has passed without a frame of ours', () => {
    start(60);
    clock.advance(14_999);
    expect(events).toEqual([]);
    clock.advance(1);
    expect(events).toEqual(['beat at 15000']);
  });

  test('no more than half a timeout passes between two frames', () => {
    start(20);
    let sentAt = 0;
    let longestGapMs = 0;
    const sent = () => {
      longestGapMs = Math.max(longestGapMs, clock.now() - sentAt);
      sentAt = clock.now();
    };
    // Frames of ours at odd times, and beats where there are none.
    for (let second = 0; second < 300; second++) {
      hasReceived = true;
      if (second % 37 < 11 && second % 3 === 1) {
        hasSent = true;
        sent();
      }
      const before = events.length;
      clock.advance(1000);
      if (events.length > before) sent();
    }
    expect(longestGapMs).toBeLessThanOrEqual(10_000);
    expect(events.every((event) => event.startsWith('beat'))).toBe(true);
  });

  test('who sends anyway needs none', () => {
    start(10);
    live(60, () => {
      hasSent = true;
      hasReceived = true;
    });
    expect(events).toEqual([]);
  });
});

describe('listening', () => {
  beforeEach(() => {
    start(10);
    hasSent = true;
  });
  const onlyMissed = () => events.filter((event) => event.startsWith('missed'));

  test('a peer that was never heard is given up after two timeouts', () => {
    clock.advance(19_999);
    expect(onlyMissed()).toEqual([]);
    clock.advance(1);
    expect(onlyMissed()).toEqual(['missed at 20000']);
  });

  test('one that falls silent is given up two to three timeouts after its last octet', () => {
    live(35, () => {
      hasReceived = true;
    });
    live(60, () => {});
    expect(onlyMissed()).toEqual(['missed at 60000']);
  });

  test('an octet in every second timeout is enough', () => {
    for (let i = 0; i < 20; i++) {
      hasReceived = true;
      clock.advance(19_000);
    }
    expect(onlyMissed()).toEqual([]);
  });

  test('it is told once', () => {
    clock.advance(1_000_000);
    expect(onlyMissed()).toHaveLength(1);
  });
});

test('stopped, it does nothing more', () => {
  start(10);
  heartbeat.stop();
  clock.advance(100_000);
  expect(events).toEqual([]);
});

test('a timeout of one second works as well', () => {
  start(1);
  clock.advance(250);
  expect(events).toEqual(['beat at 250']);
  clock.advance(1750);
  expect(events.at(-1)).toBe('missed at 2000');
});
