// The broker within its process: stopped, erased and started again; and what of it can be changed until the next start.
import { setTimeout } from 'node:timers/promises';
import { parseSize } from '../../config/size.ts';
import type { ApplicationItem } from '../../http/api/application.ts';
import type { Command, Ctl } from '../command.ts';
import { badArgument, CtlError, ExitCode, usageError } from '../ctl-error.ts';

const POLL_MS = 50;
const NODES = 'Nodes';
const CONFIGURATION = 'Configuration and Environment';

export const applicationOf = (ctl: Ctl) => ctl.api.get<ApplicationItem>('application');

const stopApp: Command = {
  name: 'stop_app',
  group: NODES,
  description: 'Stops the broker and leaves its process running, for start_app or reset',
  async run(ctl) {
    const { node, running } = await applicationOf(ctl);
    ctl.say(`Stopping the broker on node ${node} ...`);
    if (!running) return;
    await ctl.api.post('application/stop');
    const giveUpAt = Date.now() + ctl.timeoutMs;
    while (await isRunning(ctl)) {
      if (Date.now() >= giveUpAt) {
        throw new CtlError(ExitCode.TIMEOUT, `node ${node} has not stopped`);
      }
      await setTimeout(POLL_MS);
    }
  },
};

/** While the one socket is closed and the other is not open yet, nobody answers. */
async function isRunning(ctl: Ctl): Promise<boolean> {
  try {
    return (await applicationOf(ctl)).running;
  } catch (error) {
    if (error instanceof CtlError && error.exitCode === ExitCode.UNAVAILABLE) return true;
    throw error;
  }
}

const startApp: Command = {
  name: 'start_app',
  group: NODES,
  description: 'Starts a broker that stop_app has stopped',
  async run(ctl) {
    ctl.say(`Starting node ${(await applicationOf(ctl)).node} ...`);
    await ctl.api.post('application/start');
  },
};

const reset = (name: string, description: string): Command => ({
  name,
  group: NODES,
  description,
  async run(ctl) {
    const { node, running } = await applicationOf(ctl);
    if (running) {
      throw usageError(
        `this command requires the broker to be stopped on the target node. Stop it with '${ctl.tool} stop_app'.`,
      );
    }
    ctl.say(`Resetting node ${node} ...`);
    await ctl.api.post('application/reset');
  },
});

const sizeIn = (text: string): number => {
  const bytes = parseSize(text);
  if (bytes === undefined) throw badArgument(`'${text}' is no size, such as 512MiB or 2GB`);
  return bytes;
};

const setMemoryLimit: Command = {
  name: 'set_vm_memory_high_watermark',
  group: CONFIGURATION,
  description: 'Sets what messages may take, until the next start: a fraction, or absolute SIZE',
  args: '<fraction> [size]',
  async run(ctl, { args: [first = '', second] }) {
    const { node } = await applicationOf(ctl);
    if (first === 'absolute') {
      if (second === undefined) throw usageError('not enough arguments.');
      const bytes = sizeIn(second);
      ctl.say(`Setting memory threshold on ${node} to ${second} bytes ...`);
      await ctl.api.put('memory-limit', { bytes });
      return;
    }
    if (second !== undefined) throw usageError('too many arguments.');
    const share = first.trim() === '' ? Number.NaN : Number(first);
    if (!(share >= 0 && share <= 1)) {
      throw badArgument('The threshold should be a fraction between 0.0 and 1.0');
    }
    ctl.say(`Setting memory threshold on ${node} to ${first} ...`);
    await ctl.api.put('memory-limit', { share });
  },
};

const setDiskFreeLimit: Command = {
  name: 'set_disk_free_limit',
  group: CONFIGURATION,
  description: 'Sets how much disk must stay free, until the next start: SIZE, or mem_relative N',
  args: '<size> [fraction]',
  async run(ctl, { args: [first = '', second] }) {
    const { node } = await applicationOf(ctl);
    if (first === 'mem_relative') {
      if (second === undefined) throw usageError('not enough arguments.');
      const share = second.trim() === '' ? Number.NaN : Number(second);
      if (!(share >= 0)) throw badArgument(`'${second}' is no fraction`);
      ctl.say(`Setting disk free limit on ${node} to ${second} times the total RAM ...`);
      await ctl.api.put('disk-free-limit', { share });
      return;
    }
    if (second !== undefined) throw usageError('too many arguments.');
    const bytes = sizeIn(first);
    ctl.say(`Setting disk free limit on ${node} to ${first} bytes ...`);
    await ctl.api.put('disk-free-limit', { bytes });
  },
};

const asking = (
  name: string,
  description: string,
  path: string,
  saying: (node: string) => string,
) => ({
  name,
  group: 'Operations' as const,
  description,
  async run(ctl: Ctl) {
    ctl.say(saying((await applicationOf(ctl)).node));
    await ctl.api.post(path);
  },
});

export const applicationCommands: readonly Command[] = [
  stopApp,
  startApp,
  reset('reset', 'Erases everything that a stopped broker keeps'),
  reset('force_reset', 'The same'),
  setMemoryLimit,
  setDiskFreeLimit,
  asking(
    'suspend_listeners',
    'Accepts no more AMQP connections; those that are there stay',
    'listeners/suspend',
    (node) =>
      `Will suspend client connection listeners on node ${node}. The node will no longer accept client connections!`,
  ),
  asking(
    'resume_listeners',
    'Accepts AMQP connections again',
    'listeners/resume',
    (node) =>
      `Will resume client connection listeners on node ${node}. The node will now accept client connections`,
  ),
  asking(
    'force_gc',
    'Frees memory that is no longer needed, at once',
    'collect-garbage',
    (node) => `Will collect garbage on node ${node}`,
  ),
];
