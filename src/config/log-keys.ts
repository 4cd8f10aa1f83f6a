// The keys of leveret.conf that are about the log: RabbitMQ's names.
import { isAbsolute } from 'node:path';
import { BadValue, bool, integer, oneOf, type ReadValue, size } from './conf-value.ts';
import type { Draft, Key } from './keys.ts';
import type { LogThreshold } from './settings.ts';

/** RabbitMQ's levels, of which some are one for us. */
const logLevel: ReadValue<LogThreshold> = (value) => {
  const levels: Record<string, LogThreshold> = {
    debug: 'debug',
    info: 'info',
    notice: 'info',
    warning: 'warning',
    error: 'error',
    critical: 'error',
    none: 'none',
  };
  const level = levels[value];
  if (level) return level;
  throw new BadValue(`one of ${Object.keys(levels).join(', ')}`);
};

const level = (
  field: 'logLevel' | 'logConsoleLevel' | 'logFileLevel',
  about: string,
  byDefault: string,
): Key => ({
  about,
  byDefault,
  set: (draft, value) => {
    draft[field] = logLevel(value);
  },
});

const category = (name: string, about: string): Key => ({
  about,
  byDefault: 'log.level',
  set: (draft, value) => {
    draft.logCategories = { ...draft.logCategories, [name]: logLevel(value) };
  },
});

const formatter = (field: 'logConsoleFormat' | 'logFileFormat', about: string): Key => ({
  about,
  byDefault: 'plaintext',
  set: (draft, value) => {
    draft[field] = oneOf('plaintext', 'json')(value) === 'json' ? 'json' : 'text';
  },
});

function setFile(draft: Draft, value: string): void {
  if (value === 'false') delete draft.logFile;
  else draft.logFile = value;
}

export const logKeys: Readonly<Record<string, Key>> = {
  'log.level': level('logLevel', 'least important lines that are logged', 'info'),
  'log.default.level': category('default', 'the same for lines of no category'),
  'log.connection.level': category('connection', 'for connections that come, fail and go'),
  'log.channel.level': category('channel', 'for channels that fail'),
  'log.queue.level': category('queue', 'for queues and policies'),
  'log.http.level': category('http', 'for the HTTP API'),
  'log.storage.level': category('storage', 'for what is on disk'),
  'log.console': {
    about: 'whether lines go to standard output',
    byDefault: 'true without log.file',
    set: (draft, value) => {
      draft.logConsole = bool(value);
    },
  },
  'log.console.level': level('logConsoleLevel', 'what goes there', 'log.level'),
  'log.console.formatter': formatter('logConsoleFormat', 'text or json lines'),
  'log.file': {
    about: 'a log file, a path or a name in log.dir (reopened by SIGHUP); false = none',
    byDefault: 'false',
    set: setFile,
  },
  'log.dir': {
    about: 'where log.file is when it is a name',
    set: (draft, value) => {
      if (!isAbsolute(value)) throw new BadValue('an absolute path');
      draft.logDir = value;
    },
  },
  'log.file.level': level('logFileLevel', 'what goes into the file', 'log.level'),
  'log.file.formatter': formatter('logFileFormat', 'text or json lines, in the file'),
  'log.file.rotation.size': {
    about: 'a new file is begun at this size; 0 = never',
    byDefault: '0',
    set: (draft, value) => {
      draft.logRotationBytes = size()(value);
    },
  },
  'log.file.rotation.count': {
    about: 'so many old files are kept',
    byDefault: '5',
    set: (draft, value) => {
      draft.logRotationCount = integer(1, 1000)(value);
    },
  },
};
