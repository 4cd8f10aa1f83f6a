// Files that can be looked at and not changed: what recovery would remove stays, anything else that writes is a mistake.
import type { Files } from '../platform/files.ts';

export function readOnly(files: Files): Files {
  const refuse = () => {
    throw new Error('whoever inspects a directory does not write to it');
  };
  return {
    list: (path) => files.list(path),
    open: (path) => files.open(path, { readOnly: true }),
    readText: (path) => files.readText(path),
    // What is not needed any more; a broker that starts removes it.
    remove: () => {},
    freeBytes: refuse,
    prepare: refuse,
    makeDirectory: refuse,
    replaceText: refuse,
    createText: refuse,
    rename: refuse,
  };
}
