// The broker as its process has it: started, stopped while the process stays (stop_app), erased, started again.
import { resolve } from 'node:path';
import { nodeName, type RunningBroker, type StartOptions, startBroker } from './embedded.ts';
import { StoppedServer } from './http/stopped-server.ts';
import { systemFiles } from './platform/files.ts';
import type { Log } from './platform/log.ts';
import { systemProcesses } from './platform/processes.ts';
import { DataDirectory } from './store/data-directory.ts';

/** Until the answer to the request that asked for it has left. */
const STOP_DELAY_MS = 50;

interface Stopped {
  readonly server: StoppedServer;
  /** Kept, so that no other broker takes it meanwhile. */
  readonly directory: DataDirectory;
}

export class Application {
  readonly #options: StartOptions;
  readonly #settings: Readonly<Record<string, unknown>>;
  readonly #log: Log;
  #broker: RunningBroker | undefined;
  #stopped: Stopped | undefined;
  /** What is under way; the next begins when it is over. */
  #last: Promise<unknown> = Promise.resolve();

  constructor(options: StartOptions, settings: Readonly<Record<string, unknown>>, log: Log) {
    this.#options = options;
    this.#settings = settings;
    this.#log = log;
  }

  /** @throws the same as `startBroker` */
  async start(): Promise<RunningBroker> {
    const processControl = { settings: this.#settings, stopSoon: () => this.#stopSoon() };
    const broker = await startBroker({ ...this.#options, processControl });
    this.#broker = broker;
    return broker;
  }

  /** Does one thing after the other, whether they succeed or not. */
  #inTurn<T>(work: () => Promise<T>): Promise<T> {
    const done = this.#last.then(work);
    this.#last = done.catch(() => {});
    return done;
  }

  #stopSoon(): void {
    void this.#inTurn(async () => {
      await new Promise((resolved) => setTimeout(resolved, STOP_DELAY_MS));
      await this.#stop();
    });
  }

  async #stop(): Promise<void> {
    const { dataDir } = this.#options;
    if (!this.#broker || dataDir === undefined) return;
    this.#log.write('info', 'stopping the broker; its process stays (leveretctl start_app)');
    await this.#broker.close();
    this.#broker = undefined;
    await this.#wait(resolve(dataDir));
    this.#log.write('info', 'the broker is stopped');
  }

  /** Until somebody asks to start again. */
  async #wait(path: string): Promise<void> {
    const directory = new DataDirectory(systemFiles, path, systemProcesses);
    const server = new StoppedServer({
      node: nodeName(),
      start: () => this.#inTurn(() => this.#startAgain(path)),
      reset: () => this.#reset(),
    });
    await server.listen(path);
    this.#stopped = { server, directory };
  }

  async #startAgain(path: string): Promise<void> {
    if (!this.#stopped) return;
    const { server, directory } = this.#stopped;
    server.close();
    directory.release();
    this.#stopped = undefined;
    try {
      await this.start();
      this.#log.write('info', 'the broker runs again');
    } catch (error) {
      this.#log.write('error', `cannot start again: ${(error as Error).message}`);
      await this.#wait(path);
      throw error;
    }
  }

  #reset(): void {
    this.#stopped?.directory.erase();
    this.#log.write('warning', 'everything that was kept has been erased (leveretctl reset)');
  }

  reloadCertificates(): void {
    this.#broker?.reloadCertificates();
  }

  close(): Promise<void> {
    return this.#inTurn(async () => {
      await this.#broker?.close();
      this.#stopped?.server.close();
      this.#stopped?.directory.release();
    });
  }
}
