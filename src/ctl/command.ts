// What a command is, and what it has at hand when it runs.
import type { ApiClient } from './api-client.ts';
import { type FormatterName, formatRows, isForMachines, type Row } from './formatter.ts';

/** Everything that was said on the command line: the arguments in order, and the options by name. */
export interface Given {
  readonly args: readonly string[];
  readonly options: Readonly<Record<string, string | boolean | undefined>>;
}

export interface OptionSpec {
  /** As commander has it: `--priority <priority>`. */
  readonly flags: string;
  readonly description: string;
}

export type Group =
  | 'Nodes'
  | 'Users'
  | 'Access Control'
  | 'Monitoring, observability and health checks'
  | 'Parameters'
  | 'Policies'
  | 'Virtual hosts'
  | 'Configuration and Environment'
  | 'Definitions'
  | 'Feature flags'
  | 'Operations'
  | 'Queues'
  | 'Messages';

/** The names under which this program answers. */
export type Tool = 'leveretctl' | 'rabbitmqctl' | 'rabbitmq-diagnostics';

export interface Command {
  /** With a space where there is a group: `definitions diff`. */
  readonly name: string;
  readonly group: Group;
  readonly description: string;
  /** As commander has them: `<name> [password]`, `[columns...]`. */
  readonly args?: string;
  readonly options?: readonly OptionSpec[];
  run(ctl: Ctl, given: Given): Promise<void> | void;
}

export interface CtlOptions {
  readonly api: ApiClient;
  readonly tool: Tool;
  readonly vhost: string;
  readonly isQuiet: boolean;
  readonly isSilent: boolean;
  readonly withHeaders: boolean;
  readonly formatter: FormatterName;
  readonly timeoutMs: number;
  readonly version: string;
  write(text: string): void;
  /** Reads standard input to its end. */
  readInput(): Promise<string>;
}

export class Ctl {
  readonly api: ApiClient;
  readonly tool: Tool;
  readonly vhost: string;
  readonly timeoutMs: number;
  readonly version: string;
  readonly formatter: FormatterName;
  readonly #options: CtlOptions;

  constructor(options: CtlOptions) {
    this.api = options.api;
    this.tool = options.tool;
    this.vhost = options.vhost;
    this.timeoutMs = options.timeoutMs;
    this.version = options.version;
    this.formatter = options.formatter;
    this.#options = options;
  }

  /** A sentence about what is being done; machines and --quiet want none. */
  say(sentence: string): void {
    const { isQuiet, isSilent, formatter } = this.#options;
    if (!isQuiet && !isSilent && !isForMachines(formatter)) this.write(`${sentence}\n`);
  }

  /** What the command was asked for. */
  print(text: string): void {
    this.write(`${text}\n`);
  }

  write(text: string): void {
    this.#options.write(text);
  }

  table(columns: readonly string[], rows: readonly Row[]): void {
    const { formatter, withHeaders, isSilent } = this.#options;
    this.write(formatRows(formatter, columns, rows, withHeaders && !isSilent));
  }

  readInput(): Promise<string> {
    return this.#options.readInput();
  }

  /** The same for another vhost. */
  at(vhost: string): Ctl {
    return new Ctl({ ...this.#options, vhost });
  }

  /** The vhost in a path. */
  get vhostPart(): string {
    return encodeURIComponent(this.vhost);
  }
}
